"""Hand and object from one image: branches that help each other (Chen et al., 2021)."""
