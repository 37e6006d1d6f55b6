"""What several packages need; private to jaxviz."""
