"""Reading and rewriting the program of any JAX function: the walker, and what it can tell about a value."""
