"""The steps of `scripts.generalize`."""
