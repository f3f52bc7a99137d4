"""Answers given to the prompts of others: what KTO measures gains against."""

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.training.objectives.label_tokens import IGNORED


def mismatched(
    tokens: Int[Tensor, "b t"], labels: Int[Tensor, "b t"], /
) -> tuple[Int[Tensor, "n t2"], Int[Tensor, "n t2"]]:
    """Each row's prompt with the answer of the row before it, and its labels.

    Rows without an answer are left out. A label is the token after its position, so a prompt ends
    at the first label.

    >>> tokens = torch.tensor([[1, 2, 3, 0], [5, 6, 7, 8]])
    >>> labels = torch.tensor([[-100, 3, 4, -100], [-100, -100, 8, 9]])
    >>> [part.tolist() for part in mismatched(tokens, labels)]
    [[[1, 2, 8, 0], [5, 6, 7, 3]], [[-100, 8, 9, -100], [-100, -100, 3, 4]]]
    """
    pieces = []
    for row, own in zip(tokens, labels, strict=True):
        places = (own != IGNORED).nonzero()[:, 0]
        if len(places):
            first, last = int(places[0]), int(places[-1])
            pieces.append((row[: first + 1], row[first + 1 : last + 1], own[first : last + 1]))
    if not pieces:
        return tokens[:0], labels[:0]
    rows, goals = [], []
    for (prompt, _, _), (_, answer, said) in zip(pieces, pieces[-1:] + pieces[:-1], strict=True):
        rows.append(torch.cat([prompt, answer]))
        goals.append(torch.cat([said.new_full((len(prompt) - 1,), IGNORED), said]))
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(rows, batch_first=True), pad(goals, batch_first=True, padding_value=IGNORED)
