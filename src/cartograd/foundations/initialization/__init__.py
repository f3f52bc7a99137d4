"""Initialisation: where weights start, one scheme a file, as functions that fill a tensor.

`initialise` fills the weights of a whole model, and `variances` measures what a scheme does to
activations and gradients through depth.
"""
