"""Studies of some photos: the photos and the network that sees them."""
