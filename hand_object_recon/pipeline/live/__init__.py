"""The pipeline on a live camera: what every host (DDS, ROS 2, a bag played in time) shares.

A host hands the bytes of camera messages to a :class:`~.engine.LiveEngine`, calls its ``check``
once or twice a second, and is called back with results and with what a user should hear.
"""
