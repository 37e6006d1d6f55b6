"""All studies of `scripts.reproduce`: what they need, how they run, what they found."""
