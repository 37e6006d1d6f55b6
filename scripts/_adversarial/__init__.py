"""The steps of `scripts.adversarial`: what is measured, and how it is shown."""
