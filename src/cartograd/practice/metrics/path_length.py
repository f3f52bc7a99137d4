"""Perceptual path length: how far examples move where their codes move a little.

    E [ d(g(a), g(a + e (b - a))) / e^2 ],    d the squared distance of a judge's features

for pairs of codes `a` and `b`, at the first of them (the paper's "end"). A generator whose codes
are untangled changes an example evenly along the way, and has a smaller one than a generator that
leaps. The largest and the smallest hundredth are left out, as the authors do.

Departures: features of the caller's choice, where the paper has those of VGG weighted by LPIPS.

References:
    Tero Karras, Samuli Laine, Timo Aila. A style-based generator architecture for generative
    adversarial networks. CVPR 2019. https://arxiv.org/abs/1812.04948
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

STEP = 1e-4
"""Share of the way from one code to the other that is gone."""

LEFT_OUT = 0.01
"""Share of the ways, at each end of their order, that does not count."""


def path_length(
    features: Callable[[Tensor], Tensor],
    a: Float[Tensor, "n ..."],
    b: Float[Tensor, "n ..."],
    /,
    *,
    step: float = STEP,
) -> float:
    """The length.

    Args:
        features: of the examples that codes become, one row for each code; in float64, or the
            step is lost among rounding.
        a: codes where the ways begin.
        b: codes to which they lead.
        step: see the module.

    >>> import torch
    >>> a, b = torch.zeros(3, 2).double(), torch.tensor([[3.0, 4.0]] * 3).double()
    >>> round(path_length(lambda code: 2 * code, a, b), 6)
    100.0
    """
    moved = features(a + step * (b - a)) - features(a)
    each = moved.flatten(1).double().square().sum(1) / step**2
    out = int(LEFT_OUT * len(each))
    return each.sort().values[out : len(each) - out].mean().item()
