"""What `scripts.occlude_pixels` does."""
