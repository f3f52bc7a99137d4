"""Answers with a first token, a last one and a least length, as published models ask for them.

An encoder-decoder may have been trained with a token of no word in front of each answer, and an
answer that is cut off at its greatest length can be made to end properly. A token that is forced
has probability one, so it changes no sum of a beam search.

Shapes: logits `b v`, kept; tokens seen `b t`, the one that answers begin with among them.

References:
    Hugging Face: transformers 5.23, `ForcedBOS-`, `ForcedEOS-` and `MinLengthLogitsProcessor`.
    https://huggingface.co/docs/transformers/internal/generation_utils

>>> import torch
>>> rule = Bounded(first=1, last=2, least=3, most=4, stop=(2,))
>>> [rule(torch.zeros(1, 3), torch.zeros(1, t, dtype=torch.int64)).tolist() for t in (1, 2, 3)]
[[[-inf, 0.0, -inf]], [[0.0, 0.0, -inf]], [[-inf, -inf, 0.0]]]
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Bounded:
    """What changes the scores of the first, the last and the early tokens of answers.

    Attributes:
        first: the token behind the one that answers begin with; any if None.
        last: the token at the greatest length; any if None.
        least: tokens before which none of `stop` may come.
        most: the greatest length.
        stop: tokens that end an answer.
    """

    first: int | None
    last: int | None
    least: int
    most: int
    stop: Collection[int]

    def __call__(
        self, logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /
    ) -> Float[Tensor, "b v"]:
        """The scores of the next token."""
        length = seen.shape[1]
        if length < self.least:
            logits = logits.clone()
            logits[:, list(self.stop)] = -torch.inf
        forced = self.first if length == 1 else None
        forced = self.last if length == self.most - 1 and self.last is not None else forced
        if forced is None:
            return logits
        only = torch.full_like(logits, -torch.inf)
        only[:, forced] = 0
        return only
