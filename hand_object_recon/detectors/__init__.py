"""Hand detectors and the contract they keep."""
