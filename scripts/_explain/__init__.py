"""The steps of `scripts.explain`: what is measured, and how it is shown."""
