"""Logits where there are labels, of texts that a model reads one after the other in one row."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.inference import Packs
from cartograd.core.signed import Signed
from cartograd.data.dataset.text_batches import lengths


def packs(model: nn.Module, /) -> Packs | None:
    """The model that reads packed texts, if this is one or holds one."""
    inner = model.model if isinstance(model, Signed) else model
    return inner if isinstance(inner, Packs) else None


def packed_logits(
    reads: Packs, tokens: Int[Tensor, "b t"], labels: Int[Tensor, "b t"], ignored: int, /
) -> Float[Tensor, "n v"]:
    """Logits at all `n` positions that have labels, row by row; of the others none are made.

    Each text goes up to its last label: what comes after it changes nothing before it in a model
    that reads from left to right.

    Args:
        reads: of texts in one row.
        tokens: of the texts.
        labels: of the next tokens.
        ignored: the label of a position that does not count.
    """
    counts = [count for count in lengths(labels, ignored).tolist() if count]
    within = torch.arange(labels.shape[1], device=labels.device) < lengths(labels, ignored)[:, None]
    return reads.packed(tokens[within], counts, (labels[within] != ignored).nonzero()[:, 0])
