"""The parts of `scripts.evolution`."""
