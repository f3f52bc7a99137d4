"""Normalisation: activations brought to mean 0 and spread 1, over different sets of them.

Each file is the formula, to be read and to be checked against. Models use torch's modules, whose
kernels compute the same; weights and statistics go by the same names in both.
"""
