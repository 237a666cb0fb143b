"""Live link to a ROS 2 graph from a machine without ROS 2: DDS with ROS's names and encoding."""
