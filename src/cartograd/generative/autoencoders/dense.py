"""Dense layers, as encoders and decoders of vectors are made of."""

from itertools import pairwise

from torch import nn

from cartograd.foundations.activations.layer import Activation


def dense(sizes: tuple[int, ...], activation: str, /) -> nn.Sequential:
    """Dense layers of these sizes, with the nonlinearity between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), Activation(activation)]
    return nn.Sequential(*layers[:-1])
