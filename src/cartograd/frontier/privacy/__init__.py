"""Privacy: what a model tells of its training examples, and training that bounds it."""
