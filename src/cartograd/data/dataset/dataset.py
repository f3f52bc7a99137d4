"""Examples in memory, their three splits, and batches whose order can be repeated exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.hashing import digest_of
from cartograd.core.notebook import shown
from cartograd.core.ports import Signature
from cartograd.core.protocols import Batch, Batches
from cartograd.data.dataset.augment import Augment, Chain, of_signature
from cartograd.data.dataset.plan import Plan
from cartograd.data.dataset.text_batches import TextBatches
from cartograd.data.decode.read import read
from cartograd.data.decode.stored import as_port, as_target
from cartograd.data.decode.table import Table

FEW = 10
"""Fewer examples than this say little about a model."""


@runtime_checkable
class Examples(Protocol):
    """One part of a dataset: a `Split` in memory, or a `Streamed` one that stays on disk."""

    signature: Signature
    names: tuple[str, ...]

    @property
    def targets(self) -> Tensor:
        """int64 classes (shape `n`), or float32 values (shape `n 1`)."""
        ...

    @property
    def held(self) -> int:
        """Bytes of memory that the examples take."""
        ...

    def __len__(self) -> int:
        """How many examples."""
        ...

    def name(self, index: int, /) -> str:
        """What to call one example in an error or a report."""
        ...

    def select(self, indices: Int[Tensor, " b"] | Sequence[int], /) -> "Split":
        """Some of the examples, in memory."""
        ...

    def batches(
        self,
        *,
        batch_size: int = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: Chain | None = None,
    ) -> Batches:
        """The examples as batches `(inputs, targets)`."""
        ...


class Split:
    """Examples in memory.

    Args:
        inputs: as in the input port, before standardisation; they may be kept as uint8 and are
            converted batch by batch: pixels 0..255 stand for [0, 1], bytes of text for themselves.
        targets: int64 classes of shape `n` (of any shape for text), or float32 values of shape
            `n 1`; whole numbers may be kept in any integer type.
        signature: what the inputs and targets are.
        names: file names or row numbers, for errors and reports; may be empty.
        others: further inputs, one tensor for each port after the first.
        table: the cells that table inputs were made from, for reports.

    Raises:
        UsageError: inputs, targets and names differ in number.
    """

    def __init__(
        self,
        inputs: Shaped[Tensor, "n ..."],
        targets: Shaped[Tensor, "n ..."],
        signature: Signature,
        names: Sequence[str] = (),
        *,
        others: Sequence[Shaped[Tensor, "..."]] = (),
        table: Table | None = None,
    ):
        counts = {len(one) for one in (inputs, *others, targets, *([names] if names else []))}
        if len(counts) > 1:
            raise UsageError(
                f"{len(inputs)} inputs, {len(targets)} targets and {len(names)} names "
                "do not belong together; expected as many of each"
            )
        self.stored = inputs.contiguous()
        self.stored_targets = targets.contiguous()
        self.signature = signature
        self.names = tuple(names)
        self.others = tuple(other.contiguous() for other in others)
        self.table = table
        self._inputs: Tensor | None = None

    @property
    def arguments(self) -> tuple[Shaped[Tensor, "n ..."], ...]:
        """All that a model is called with: one tensor for each input port."""
        ports = self.signature.inputs[1:]
        others = zip(self.others, ports, strict=True)
        return (self.inputs, *(as_port(stored, port.kind) for stored, port in others))

    @property
    def inputs(self) -> Shaped[Tensor, "n ..."]:
        """All inputs as the input port describes them (images as float32 in [0, 1])."""
        if self._inputs is None:
            self._inputs = as_port(self.stored, self.signature.input.kind)
        return self._inputs

    @property
    def targets(self) -> Shaped[Tensor, "n ..."]:
        """All targets: int64 classes or float32 values."""
        return as_target(self.stored_targets)

    @property
    def held(self) -> int:
        """Bytes of memory that the examples take."""
        tensors = (self.stored, *self.others, self.targets)
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        return f"Split({len(self)} examples of {tuple(self.stored.shape[1:])})"

    def digest(self) -> str:
        """A word that is another one for other examples, whatever they are called."""
        return digest_of((self.stored, *self.others, self.stored_targets))

    def name(self, index: int, /) -> str:
        """What to call one example in an error or a report."""
        return self.names[index] if self.names else f"example {index + 1}"

    def select(self, indices: Int[Tensor, " b"] | Sequence[int], /) -> "Split":
        """Some of the examples, in the order of `indices`, as a split of their own."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        names = [self.names[i] for i in index.tolist()] if self.names else ()
        others = [other[index] for other in self.others]
        chosen = self.stored[index], self.stored_targets[index]
        table = None if self.table is None else self.table.select(index.tolist())
        return Split(*chosen, self.signature, names, others=others, table=table)

    def to(self, device: torch.device | str, /) -> "Split":
        """The same examples on another device, so that no batch has to be copied there."""
        moved = self.stored.to(device), self.stored_targets.to(device)
        others = [other.to(device) for other in self.others]
        return Split(*moved, self.signature, self.names, others=others, table=self.table)

    def batches(
        self,
        *,
        batch_size: int = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: Chain | None = None,
    ) -> Batches:
        """The examples as batches `(inputs, ..., targets)`, the inputs in the order of the ports.

        Texts of unequal length come without the columns that would hold nothing, and where they
        are shuffled, with others of about their length (`text_batches`).

        Args:
            batch_size: examples in a batch.
            shuffle: a new order each epoch, a function of the seed and the epoch alone.
            drop_last: leave out the last batch if it is not full.
            augment: methods that change the inputs, like `flip,crop:padding=2`; each example by
                draws that are a function of the seed, the epoch and its index alone.

        Raises:
            UsageError: `batch_size` is not positive, `drop_last` leaves nothing, or an augmentation
                does not fit the inputs.
        """
        changes = of_signature(augment, self.signature)
        plan = Plan(len(self), batch_size, shuffle, drop_last)
        if self.signature.input.padding_id is None:
            return MemoryBatches(self, plan, changes)
        stored = (self.stored, *self.others)
        paddings = [port.padding_id for port in self.signature.inputs]
        texts = [(t, -1 if p is None else p) for t, p in zip(stored, paddings, strict=True)]
        return TextBatches(texts, self.stored_targets, plan)


@dataclass(frozen=True)
class MemoryBatches:
    """Batches of a split in memory: one gather per batch, all further work on whole tensors."""

    split: Split
    plan: Plan
    augment: Augment | None = None

    def __len__(self) -> int:
        return len(self.plan)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on, without making the earlier ones."""
        stored, targets = self.split.stored, self.split.stored_targets
        kind = self.split.signature.input.kind
        for indices in self.plan.epoch(number, seed=seed, start=start):
            index = indices.to(stored.device)
            inputs = as_port(stored.index_select(0, index), kind)
            answers = as_target(targets.index_select(0, index))
            if self.augment is not None:
                own = {"seed": seed, "epoch": number}
                inputs, answers = self.augment.both(inputs, answers, indices, **own)
            others = (
                as_port(other.index_select(0, index), port.kind)
                for other, port in zip(
                    self.split.others, self.split.signature.inputs[1:], strict=True
                )
            )
            yield inputs, *others, answers


@dataclass(frozen=True, repr=False)
class Dataset:
    """Examples of one kind: for training, for choosing between models, and for the last word.

    Attributes:
        name: what the source is called.
        train, valid, test: no example is in two of them.
        signature: what goes in and comes out; its statistics come from `train` alone.
        about: where the data come from: source, licence, digests, what was left out and why.
        tokenizer: what turned text into the numbers of the inputs (`data/text/tokenizer.py`).
    """

    name: str
    train: Examples
    valid: Examples
    test: Examples
    signature: Signature
    about: dict[str, Any] = field(default_factory=dict)
    tokenizer: Any = None

    def __repr__(self) -> str:
        parts = ("train", self.train), ("valid", self.valid), ("test", self.test)
        return f"{self.name}: " + ", ".join(f"{len(split)} {part}" for part, split in parts)

    def _repr_html_(self) -> str:
        return shown("dataset", self)

    @property
    def decided(self) -> tuple[str, ...]:
        """What was decided while the data were read, a line each: columns used, rows left out.

        A part with so few examples that its figures say little is named, too.
        """
        sizes = {part: len(getattr(self, part)) for part in ("train", "valid", "test")}
        few = [f"only {count} {part} examples" for part, count in sizes.items() if 0 < count < FEW]
        return (*self.about.get("decided", ()), *few)

    @property
    def told(self) -> list[str]:
        """What was decided, each line with the name of the data."""
        return [f"{self.name}: {line}" for line in self.decided]

    def decode(self, sources: Any, /) -> Tensor:
        """Raw input (image files, table rows, text) as a batch for this data's models."""
        return read(self.signature.input, sources, tokenizer=self.tokenizer)
