"""Infidelity: whether what an explanation says of a change is what the change does.

Cover some parts at random. The attributions of what is covered should add up to what the answer
loses. The mean squared gap is compared with that of an explanation that says nothing at all, after
the attribution was scaled as suits it best (it may be in any unit): 0 is exact, 1 no better.

    min over s >= 0 of E[(s I.A - (f(x) - f(x - I)))^2] / E[(f(x) - f(x - I))^2]

References:
    Chih-Kuan Yeh, Cheng-Yu Hsieh, Arun Sai Suggala, David I. Inouye, Pradeep Ravikumar. On the
    (in)fidelity and sensitivity of explanations. NeurIPS 2019. https://arxiv.org/abs/1901.09392
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from cartograd.frontier.explain.parts import Parts


def infidelity(
    parts: Parts, attribution: Float[Tensor, "b ..."], /, *, samples: int = 200, seed: int = 0
) -> Float[Tensor, " b"]:
    """The share of the answers' changes that an attribution does not tell.

    NaN where nothing that is covered changes the answer: there is nothing to tell.

    Args:
        parts: the examples, and what covers their parts.
        attribution: what each number contributes.
        samples: random choices of parts that are covered, half of them on average.
        seed: of these.
    """
    d, generator = parts.count, torch.Generator().manual_seed(seed)
    shown = torch.rand(samples, d, generator=generator) < 0.5
    whole = parts.values(torch.ones(1, d).bool())
    lost = whole - parts.values(shown)
    each = attribution.flatten(1).double()
    member = one_hot(parts.part.flatten(), d).to(each)
    told = (each @ member) @ (~shown).to(each).T
    scale = (told * lost).sum(1).clamp_min(0) / told.square().sum(1).clamp_min(1e-300)
    missed, whole = (scale[:, None] * told - lost).square().sum(1), lost.square().sum(1)
    return torch.where(whole > 0, missed / whole, torch.nan)
