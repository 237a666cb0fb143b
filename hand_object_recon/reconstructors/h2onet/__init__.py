"""H2ONet: one hand from one or three colour images (Xu et al., CVPR 2023)."""
