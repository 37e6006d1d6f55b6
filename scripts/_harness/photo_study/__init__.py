"""Studies of some photos: the photos, the network that sees them, and how their figures look."""
