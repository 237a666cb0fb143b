"""The hand model: MANO's arrays and layer, with our own open hand as the default."""
