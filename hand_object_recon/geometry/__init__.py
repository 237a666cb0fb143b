"""Cameras, rotations, alignment and point clouds: maths without state."""
