"""Trains Pocket Studio on the project's own renders. `python -m train.run --help` says how."""
