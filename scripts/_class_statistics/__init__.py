"""The parts of `scripts.class_statistics`."""
