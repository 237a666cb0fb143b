"""rosbag2 recordings in and out (sqlite3 and MCAP), without ROS."""
