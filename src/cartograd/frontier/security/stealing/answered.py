"""What an owner lets a model answer: probabilities, a few digits of them, or the class alone.

The less is told, the less a thief learns of each question, and so does an honest user.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import unknown

FORMS = ("probabilities", "rounded", "top-1")


def told(logits: Float[Tensor, "n k"], form: str, /, *, decimals: int = 1) -> Float[Tensor, "n k"]:
    """Probabilities as they are told, rows of sum 1.

    Args:
        logits: of the model.
        form: `probabilities`, `rounded` or `top-1`.
        decimals: digits that are left of rounded ones.

    >>> told(torch.tensor([[2.0, 1.0, -9.0]]), "rounded").round(decimals=3)
    tensor([[0.7000, 0.3000, 0.0000]])
    >>> told(torch.tensor([[2.0, 1.0, -9.0]]), "top-1")
    tensor([[1., 0., 0.]])

    Raises:
        UsageError: an unknown form.
    """
    if form not in FORMS:
        raise unknown("form of answers", form, FORMS)
    best = torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1]).to(logits)
    if form == "top-1":
        return best
    shares = logits.softmax(1)
    if form == "rounded":
        shares = shares.round(decimals=decimals)
        total = shares.sum(1, keepdim=True)
        shares = torch.where(total > 0, shares / total.clamp(min=1e-12), best)
    return shares
