"""Brings hand models of other makes into the user's store: MANO's files and rigged meshes."""
