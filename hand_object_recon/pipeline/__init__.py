"""From a frame to a reconstruction: the stages, and the root that puts them together."""
