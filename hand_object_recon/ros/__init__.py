"""ROS 2 nodes: the live pipeline's engine with parameters, topics, services and transforms.

The nodes only wire. What they publish is built by ``messages/``, what they decide is decided by
``pipeline/live/``; modules here without rclpy are tested on machines without ROS 2.
"""
