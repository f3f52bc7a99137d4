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


def packed_answers(
    reads: Packs, tokens: Int[Tensor, "b t"], labels: Int[Tensor, "b t"], ignored: int, each: int, /
) -> Float[Tensor, "n v"]:
    """As `packed_logits`, of answers whose prompt is read once for all of them.

    The last token of a prompt is read with each answer, whose first token is told after it.

    Args:
        reads: of texts in one row.
        tokens: of prompts and answers, of which so many have the same prompt, one after another.
        labels: of the next tokens, of each answer without a gap.
        ignored: the label of a position that does not count.
        each: answers to a prompt.
    """
    stems = (labels != ignored).int().argmax(1).tolist()
    ends = lengths(labels, ignored).tolist()
    counts, row, answers = list[int | tuple[int, ...]](), list[Tensor](), list[bool]()
    for first in range(0, len(tokens), each):
        stem, own = stems[first], ends[first : first + each]
        said = [end - stem for end in own]
        counts += [(stem, *said)] if stem else said
        row.append(tokens[first, :stem])
        row += [tokens[first + number, stem:end] for number, end in enumerate(own)]
        answers += [False] * stem + [True] * sum(said)
    at = torch.tensor(answers, device=tokens.device).nonzero()[:, 0]
    return reads.packed(torch.cat(row), counts, at)
