"""gSDF: signed distances of a hand and what it holds from colour (Chen et al., CVPR 2023)."""
