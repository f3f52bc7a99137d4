"""Repetition penalty: tokens that occurred before become less likely.

Models tend to repeat themselves. The logit of each token of the text so far is lowered by a factor,
once, however often the token occurred.

    penalised(z)_i = z_i / r if z_i > 0, else z_i * r        for every token i seen

Shapes: logits `b v`, kept; tokens seen `b t`, where -1 is padding and counts for nothing.

Departures: as in the authors' later code, negative logits are multiplied; the paper's division
would make them likelier.

References:
    Nitish Keskar, Bryan McCann, Lav Varshney, Caiming Xiong, Richard Socher. CTRL: a conditional
    transformer language model for controllable generation. 2019. https://arxiv.org/abs/1909.05858

>>> z, seen = torch.tensor([[2.0, 2.0, -2.0, -2.0]]), torch.tensor([[-1, 0, 2, 2]])
>>> repetition_penalty(z, seen, repetition_penalty=2.0).tolist()
[[1.0, 2.0, -4.0, -2.0]]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="repetition-penalty",
    kind="token-sampler",
    entry="repetition_penalty",
    nodes=("ar/chain-rule",),
    title="Repetition penalty",
    zh="重复惩罚",
    paper="CTRL: a conditional transformer language model for controllable generation",
    year=2019,
    url="https://arxiv.org/abs/1909.05858",
    proofs=(
        "oracle: transformers.RepetitionPenaltyLogitsProcessor, values to 1e-10 in float64",
        "law: tokens that were not seen keep their logits, and padding is no token",
    ),
    tiny={"repetition_penalty": 1.5},
    renamed={"repetition": "repetition_penalty"},
)


def repetition_penalty(
    logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /, *, repetition_penalty: float = 1.1
) -> Float[Tensor, "b v"]:
    """Logits, lowered for the tokens seen.

    Args:
        logits: of the next token, for each row.
        seen: the tokens of each row so far.
        repetition_penalty: what positive logits of tokens seen before are divided by, and
            negative ones multiplied by.
    """
    if repetition_penalty == 1:
        return logits
    places = seen.where(seen >= 0, logits.shape[1])
    met = torch.zeros(len(logits), logits.shape[1] + 1, dtype=torch.bool, device=logits.device)
    met = met.scatter_(1, places, value=True)[:, :-1]
    less = torch.where(logits > 0, logits / repetition_penalty, logits * repetition_penalty)
    return torch.where(met, less, logits)
