"""Speed and accuracy of the hand model: its layer and its inverse kinematics."""
