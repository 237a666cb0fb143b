"""Reconstructors, one room a method, and the contract they keep."""
