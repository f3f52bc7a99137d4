"""Surrogates: models that stand in for one that cannot be looked into.

A change that misleads one model follows what is peculiar to it as well. One that has to mislead
several at once can only follow what they have in common, and that is what a further model, trained
on such examples too, is likely to have learned as well.

    f(x) = mean over i of f_i(x),   f_i the logits

Shapes: as those of each model.

Departures: all count the same. Logits are averaged, after Dong et al., who found this better than
averages of probabilities (Liu et al.) or of losses.

References:
    Yanpei Liu, Xinyun Chen, Chang Liu, Dawn Song. Delving into transferable adversarial examples
    and black-box attacks. ICLR 2017. https://arxiv.org/abs/1611.02770
    Yinpeng Dong et al. Boosting adversarial attacks with momentum. CVPR 2018, section 3.4.
    https://arxiv.org/abs/1710.06081
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.signed import Signed, whole


class Surrogates(nn.Module):
    """Several models that answer with the mean of their logits."""

    def __init__(self, models: Sequence[nn.Module], /):
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, x: Shaped[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits."""
        return torch.stack([model(x) for model in self.models]).mean(0)


def together(models: Sequence[Signed], /) -> Signed:
    """Models that take and answer the same as one, with the signature of the first."""
    made = whole(Surrogates(models), models[0].signature)
    return made.to(models[0].output_mean.device)
