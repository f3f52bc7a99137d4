"""Activations: the nonlinearities between layers, one function a file, and `Activation` as a layer.

Each file has its function and, under the name `derivative`, what the chain rule multiplies by.
"""
