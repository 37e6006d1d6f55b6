"""What `scripts.benchmark` measures, and how it is shown."""
