"""Foundations (chapter 1 of the map): neuron, activations, initialisation."""
