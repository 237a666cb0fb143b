"""What hands hold: seen, told apart from what is not held, modelled and tracked."""
