"""What follows from a hand mesh's triangles: graphs, coarser meshes, orders of neighbours."""
