"""Pairs of answers, of which somebody liked one better, as a part of a dataset.

Whatever looks at single examples (a table of the data, an evaluation) sees the better answers with
the labels of their tokens; what learns gets both of each pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.protocols import Batches
from cartograd.data.dataset.augment import Chain
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.plan import Plan
from cartograd.data.dataset.text_batches import TextBatches


@dataclass(frozen=True)
class PreferencePairs:
    """Better answers and worse ones.

    Attributes:
        better: prompts with the better answer, and the labels of its tokens.
        worse: the same prompts with the worse one, as tokens `n t`; empty where there is none.
        labels: of both, `n 2 t`; -100 where nothing counts.
        compared: whether batches are of pairs, or of the better answers and their labels.
    """

    better: Split
    worse: Int[Tensor, "n t"]
    labels: Int[Tensor, "n 2 t2"]
    compared: bool = True

    @property
    def signature(self) -> Signature:
        """That of a language model."""
        return self.better.signature

    @property
    def names(self) -> tuple[str, ...]:
        """What the pairs are called."""
        return self.better.names

    @property
    def targets(self) -> Tensor:
        """The labels of the better answers."""
        return self.better.targets

    @property
    def held(self) -> int:
        """Bytes of memory that the pairs take."""
        more = (self.worse, self.labels)
        return self.better.held + sum(one.numel() * one.element_size() for one in more)

    def __len__(self) -> int:
        return len(self.better)

    def __repr__(self) -> str:
        return f"PreferencePairs({len(self)} pairs of {self.worse.shape[1]} tokens)"

    def name(self, index: int, /) -> str:
        """What to call one pair in an error or a report."""
        return self.better.name(index)

    def select(self, indices: Int[Tensor, " b"] | Sequence[int], /) -> Split:
        """Some of the better answers, in memory."""
        return self.better.select(indices)

    def pairs(self, indices: Int[Tensor, " b"] | Sequence[int], /) -> "PreferencePairs":
        """Some of the pairs."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        chosen = self.better.select(index), self.worse[index], self.labels[index]
        return PreferencePairs(*chosen, self.compared)

    def batches(
        self,
        *,
        batch_size: int = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: Chain | None = None,
    ) -> Batches:
        """The pairs as batches `(better, worse, labels)`, with pairs of about one length together.

        Raises:
            UsageError: texts are to be augmented.
        """
        if augment:
            raise UsageError("pairs of answers cannot be augmented; leave augment= out")
        if not self.compared:
            return self.better.batches(
                batch_size=batch_size, shuffle=shuffle, drop_last=drop_last, augment=augment
            )
        plan = Plan(len(self), batch_size, shuffle, drop_last)
        padding = self.signature.input.padding_id or 0
        texts = [(self.better.stored, padding), (self.worse, padding)]
        return TextBatches(texts, self.labels, plan)
