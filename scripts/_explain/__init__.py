"""What `scripts.explain` adds to `jaxviz.explain`: photos and networks by name, and a folder that goes on."""
