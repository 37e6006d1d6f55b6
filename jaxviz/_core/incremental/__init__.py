"""Following a patch through a program: what of each value it can reach, and how to compute only that."""
