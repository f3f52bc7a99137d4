"""Kullback-Leibler divergence: how much worse the model's distribution is than the target's.

It is the cross-entropy with the target distribution minus that distribution's entropy: zero exactly
where both agree. With hard targets it is cross-entropy; it is used where targets are distributions,
as in distillation and mixup.

    L = sum_j t_j log(t_j / p_j),    p = softmax(z)        dL/dz = p - t

Shapes: logits and targets `... k`, classes last, targets summing to 1; losses `...`, one per
example.

Departures: none. A target of 0 adds nothing: 0 log 0 = 0.

References:
    Solomon Kullback, Richard Leibler. On information and sufficiency. Annals of Mathematical
    Statistics 22, 1951. https://doi.org/10.1214/aoms/1177729694

>>> targets = torch.tensor([[0.5, 0.5]])
>>> round(kl(torch.tensor([[0.9, 0.1]]).log(), targets).item(), 3)
0.511
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="kl",
    kind="loss",
    entry="kl",
    nodes=("loss/kl",),
    title="Kullback-Leibler divergence",
    zh="KL 散度",
    aliases=("kl-divergence",),
    paper="On information and sufficiency",
    year=1951,
    url="https://doi.org/10.1214/aoms/1177729694",
    proofs=(
        "oracle: torch.distributions.kl_divergence, and torch.nn.functional.kl_div with zeros "
        "among the targets, values and gradients to 1e-10 in float64",
        "law: not negative, zero where both agree; the gradient is softmax - target",
    ),
    evidence={"loss/kl": ("test_equals_torchs_distributions_with_gradients",)},
)


def kl(logits: Float[Tensor, "*n k"], targets: Float[Tensor, "*n k"], /) -> Float[Tensor, "*n"]:
    """KL(target || softmax(logits)) for each example."""
    log_p = torch.log_softmax(logits, -1, dtype=torch.promote_types(logits.dtype, torch.float32))
    return (torch.xlogy(targets, targets) - targets * log_p).sum(-1)
