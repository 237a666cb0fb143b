"""Pure builders from the core's value types to ROS messages and back, without ROS.

``msg/*.msg`` at the repository's root is the one definition of our own messages; here it is
registered with rosbags from its text.
"""
