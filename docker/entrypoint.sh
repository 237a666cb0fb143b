#!/usr/bin/env bash
# Runs a command with ROS 2, the workspace and the virtual environment's packages.
set -e
source "/opt/ros/${ROS_DISTRO}/setup.bash"
source /ws/install/setup.bash
source /opt/hand_object_recon/bin/activate
PYTHONPATH="$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'):${PYTHONPATH}"
export PYTHONPATH
exec "$@"
