# Needs Python 3.10 or newer with venv and pip; everything else is installed into .venv.
PYTHON ?= python3

VENV := .venv
VENV_NUMPY1 := .venv-numpy1
PYTEST_ARGS ?= -q -n 2 --dist worksteal -m "not slow and not timing"
# Two workers whose libraries take two threads each stand in each other's way: half the speed.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
TIMING_ARGS := -q -n 0 -m "timing and not slow" test/dds
# What runs on a robot, whose ROS 2 may carry NumPy 1.26; offline rooms are tested with NumPy 2.
ROBOT_TESTS := $(addprefix test/,core messages recordings held_objects interaction ros \
	reconstructors/test_rgbd_fit.py) $(wildcard test/pipeline/test_*.py)

.PHONY: demo test test-numpy1 compile config lint format clean help

help:
	@echo "make demo          run the pipeline on a made-up scene; results in out/demo"
	@echo "make test          ruff, mypy and the tests"
	@echo "make test-numpy1   what runs on a robot, with the NumPy 1.26 of ROS Humble and Jazzy"
	@echo "make format        let ruff rewrite the code"
	@echo "make config        rewrite config/default.yaml, config/ros_parameters.yaml, docs/configuration.md"
	@echo "make clean         remove the environments and what the program wrote"

demo: compile
	@rm -rf out/demo
	@$(VENV)/bin/hand-object-recon demo --out out/demo

# Tests compile what is missing when they first need it, and some have no time for that.
test: $(VENV)/installed
	@$(MAKE) --no-print-directory -j2 lint compile
	@$(ONE_THREAD) $(VENV)/bin/python -m pytest $(PYTEST_ARGS)
	@$(VENV)/bin/python -m pytest $(TIMING_ARGS)

test-numpy1: $(VENV_NUMPY1)/installed
	@$(ONE_THREAD) $(VENV_NUMPY1)/bin/python -m pytest $(PYTEST_ARGS) $(ROBOT_TESTS)

lint: $(VENV)/installed
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy --no-error-summary

compile: $(VENV)/installed
	@$(VENV)/bin/hand-object-recon compile

format: $(VENV)/installed
	@$(VENV)/bin/ruff check --quiet --fix .
	@$(VENV)/bin/ruff format --quiet .

config: $(VENV)/installed
	@$(VENV)/bin/python -m hand_object_recon.core.config_documents .

clean:
	@rm -rf $(VENV) $(VENV_NUMPY1) out build *.egg-info

$(VENV)/installed: setup.py constraints.txt
	@echo "Setting up $(VENV) (about three minutes, once) ..."
	@rm -f $(VENV)/installed
	@$(PYTHON) -c 'import sys; sys.exit("$(PYTHON) is Python %d.%d; 3.10 or newer is needed: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(call install,$(VENV),constraints.txt) --editable '.[$(extras)]'
	@$(call install,$(VENV),constraints.txt) --no-deps $(mediapipe)
	@$(VENV)/bin/python -c '$(report_mediapipe)'
	@touch $(VENV)/installed

# The packages of $(VENV) but for the two whose versions differ.
$(VENV_NUMPY1)/installed: $(VENV)/installed constraints-numpy1.txt
	@echo "Setting up $(VENV_NUMPY1) ..."
	@rm -f $(VENV_NUMPY1)/installed
	@$(VENV)/bin/python -m venv --clear $(VENV_NUMPY1)
	@$(call install,$(VENV_NUMPY1),constraints-numpy1.txt) --no-deps numpy opencv-python-headless
	@echo "import site; site.addsitedir('$$($(VENV)/bin/python -c '$(print_packages)')')" \
		> "$$($(VENV_NUMPY1)/bin/python -c '$(print_packages)')/packages_of_venv.pth"
	@touch $(VENV_NUMPY1)/installed

# The stamps are written last, so a set-up that failed half-way starts again. MediaPipe goes in
# without its dependencies: see docs/development.md. Of 2.8 GB little is ever imported, so modules
# are compiled when they are.
install = $(1)/bin/python -m pip install -qq --disable-pip-version-check --no-compile --constraint $(2)
print_packages := import sysconfig; print(sysconfig.get_path("purelib"))
extras := mediapipe-runtime,synthesis,training,openvino,dds,viewer,test,dev
mediapipe := 'mediapipe; python_version < "3.13" and platform_machine != "aarch64"'
report_mediapipe := import importlib.util as u; u.find_spec("mediapipe") or print("MediaPipe has no wheel for this machine: the mediapipe_hands detector is not available")
