"""The steps of `scripts.transfer`."""
