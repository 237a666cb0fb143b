"""Training: data, loop, checkpoints and weights, the same for all methods."""
