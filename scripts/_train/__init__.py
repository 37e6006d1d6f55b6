"""What `scripts.train` does."""
