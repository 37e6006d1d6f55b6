"""The parts of `scripts.trust`."""
