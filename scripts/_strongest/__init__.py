"""The parts of `scripts.strongest`."""
