"""Normalisation: activations brought to mean 0 and variance 1, over different dimensions.

Each file is the formula, to be read and to be checked against. Models use torch's modules, whose
kernels compute the same; weights and statistics go by the same names in both.
"""
