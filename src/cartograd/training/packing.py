"""What is asked of texts that a model reads one after the other in one row.

What several of them begin with, such as a prompt and answers to it, can be read once.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.inference import Lengths, Packs, PacksTexts
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
    at = (labels[within] != ignored).nonzero()[:, 0]
    return reads.logits(reads.packed(tokens[within], counts, at))


def packed_answers(
    reads: Packs,
    tokens: Int[Tensor, "b t"],
    labels: Int[Tensor, "b t"],
    ignored: int,
    groups: Sequence[Sequence[int]],
    /,
) -> Float[Tensor, "n d"]:
    """Features where there are labels, row by row, of answers whose prompt is read once for all.

    The last token of a prompt is read with each answer, whose first token is told after it.

    Args:
        reads: of texts in one row.
        tokens: of prompts and answers.
        labels: of the next tokens, from the end of the prompt on.
        ignored: the label of a position that does not count.
        groups: rows of one prompt; rows that are in none have no labels.
    """
    counted = labels != ignored
    stems, ends = counted.int().argmax(1).tolist(), lengths(labels, ignored).tolist()
    row, counts, starts = _joined(tokens, stems, ends, groups)
    at = [
        start - stem + here.nonzero()[:, 0]
        for start, stem, here in zip(starts, stems, counted, strict=True)
    ]
    return reads.packed(row, counts, torch.cat(at))


def packed_texts(
    reads: PacksTexts,
    rows: Int[Tensor, "b t"],
    labels: Int[Tensor, "b t2"],
    ignored: int,
    groups: Sequence[Sequence[int]],
    padding: int,
    /,
) -> Float[Tensor, "b k"]:
    """Numbers of whole texts, prompt and answer, whose prompt is read once for all.

    Args:
        reads: of texts in one row.
        rows: the texts.
        labels: as of `packed_answers`; they tell where a prompt ends.
        ignored: the label of a position that does not count.
        groups: rows of one prompt; each row is in one.
        padding: the token that rows are filled up with.
    """
    stems = (labels != ignored).int().argmax(1).tolist()
    ends = lengths(rows, padding).clamp(min=1).tolist()
    for group in groups:  # of each text its last token is read, be it the prompt's, behind the stem
        shared = min(stems[group[0]], *(ends[one] - 1 for one in group))
        for one in group:
            stems[one] = shared
    row, counts, starts = _joined(rows, stems, ends, groups)
    last = [start + end - stem - 1 for start, end, stem in zip(starts, ends, stems, strict=True)]
    return reads.packed_texts(row, counts, torch.tensor(last, device=rows.device))


def one_after_another(count: int, each: int, /) -> list[range]:
    """Groups of so many rows, of as many as there are.

    >>> one_after_another(4, 2)
    [range(0, 2), range(2, 4)]
    """
    return [range(first, first + each) for first in range(0, count, each)]


def in_pairs(
    tokens: Int[Tensor, "b t"], labels: Int[Tensor, "b t2"], ignored: int, /
) -> list[list[int]]:
    """Groups of rows, the second half of which may be other answers to the prompts of the first.

    Where prompts are not the same, a row is by itself; one without labels is in no group.

    >>> tokens = torch.tensor([[5, 6, 7], [5, 8, 7], [5, 6, 9], [5, 9, 7]])
    >>> in_pairs(tokens, torch.tensor([[-100, 7, 2], [-100, 7, 2]] * 2), -100)
    [[0, 2], [1, 3]]
    >>> in_pairs(tokens, torch.tensor([[-100, -100, 2]] * 4), -100)
    [[0, 2], [1], [3]]
    """
    half, counted = len(tokens) // 2, labels != ignored
    stems, there = counted.int().argmax(1), counted.any(1)
    before = torch.arange(tokens.shape[1], device=tokens.device) < stems[:half, None]
    alike = ~((tokens[:half] != tokens[half:]) & before).any(1)
    alike &= (stems[:half] == stems[half:]) & there[:half] & there[half:]
    found, known = list[list[int]](), there.tolist()
    for first, same in enumerate(alike.tolist()):
        both = [first, half + first]
        found += [both] if same else [[one] for one in both if known[one]]
    return found


def _joined(
    tokens: Tensor, stems: list[int], ends: list[int], groups: Sequence[Sequence[int]]
) -> tuple[Tensor, Lengths, list[int]]:
    """All texts in one row, their lengths, and where in it each of them goes on from its prompt."""
    parts, counts, starts, place = list[Tensor](), list[int | tuple[int, ...]](), [0] * len(ends), 0
    for group in groups:
        stem = stems[group[0]]
        own = [ends[one] - stem for one in group]
        counts += [(stem, *own)] if stem else own
        parts.append(tokens[group[0], :stem])
        place += stem
        for one, count in zip(group, own, strict=True):
            starts[one] = place
            parts.append(tokens[one, stem : ends[one]])
            place += count
    return torch.cat(parts), counts, starts
