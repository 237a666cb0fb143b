"""Our own reconstructor: fits the hand model to keypoints and depth, without training."""
