"""Randomisation: whether an explanation changes when the model forgets what it has learned.

The weights of each layer are dealt anew among themselves. An explanation of the model must change
with it; one that stays, such as an edge detector's, does not tell of the model. Ranks are compared
with their signs: sizes alone stay alike where the input itself is a factor.

References:
    Julius Adebayo, Justin Gilmer, Michael Muelly, Ian Goodfellow, Moritz Hardt, Been Kim. Sanity
    checks for saliency maps. NeurIPS 2018. https://arxiv.org/abs/1810.03292
"""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn


def forgetful(model: nn.Module, /, *, seed: int = 0) -> nn.Module:
    """A copy whose weights are dealt anew within each tensor."""
    other, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in other.parameters():
            order = torch.randperm(weights.numel(), generator=generator).to(weights.device)
            weights.copy_(weights.flatten()[order].reshape(weights.shape))
    return other


def rank_correlation(
    a: Float[Tensor, "b ..."], b: Float[Tensor, "b ..."], /
) -> Float[Tensor, " b"]:
    """Spearman's correlation of two attributions of each example; NaN where one is constant."""
    one, two = (_ranks(each.flatten(1).double()) for each in (a, b))
    one, two = (each - each.mean(1, keepdim=True) for each in (one, two))
    spread = one.norm(dim=1) * two.norm(dim=1)
    return torch.where(spread > 0, (one * two).sum(1) / spread, torch.nan)


def _ranks(x: Tensor) -> Tensor:
    """Places in the order of sizes; equal numbers share the mean of theirs."""
    found = torch.empty_like(x)
    for row, one in zip(found, x, strict=True):
        _, place, count = torch.unique(one, return_inverse=True, return_counts=True)
        end = count.cumsum(0).double()
        row.copy_((end - (count - 1) / 2)[place])
    return found
