"""Objects whose meshes are known beforehand: read, checked and recognised in a view."""
