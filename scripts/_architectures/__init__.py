"""The steps of `scripts.architectures`."""
