"""Architectures (chapter 3): perceptron, MLP, convolutional networks."""
