"""The parts of `scripts.ablate`."""
