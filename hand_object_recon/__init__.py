"""Hands and the objects they hold, in metres, from a colour + aligned-depth camera.

Importing the package is cheap on purpose: heavy libraries are imported by the rooms that
need them (see ``docs/architecture.md``).
"""

__version__ = "0.1.0"
