"""The parts of `scripts.maximize`: what is rendered and measured, and how it is shown."""
