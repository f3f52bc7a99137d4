"""Examples that are their own right answers, for models that learn what examples are like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from jaxtyping import Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Batch, Batches
from cartograd.data.dataset.augment import Chain
from cartograd.data.dataset.dataset import Dataset, Examples, Split

FINEST = 2**16
"""More values than this are those of a real number."""

LOOKED = 1000
"""Examples by which the number of values is found."""


@dataclass(frozen=True)
class OwnTargets:
    """A part of a dataset, of which only the inputs count.

    Attributes:
        part: the examples, with whatever targets.
        signature: what is made of them.
    """

    part: Examples
    signature: Signature

    @property
    def names(self) -> tuple[str, ...]:
        """What the examples are called."""
        return self.part.names

    @property
    def targets(self) -> Tensor:
        """The examples themselves."""
        return self.select(range(len(self))).stored_targets

    @property
    def held(self) -> int:
        """Bytes of memory that the examples take."""
        return self.part.held

    def __len__(self) -> int:
        return len(self.part)

    def name(self, index: int, /) -> str:
        """What to call one example in an error or a report."""
        return self.part.name(index)

    def select(self, indices: Int[Tensor, " b"] | Sequence[int], /) -> Split:
        """Some of the examples, in memory."""
        chosen = self.part.select(indices)
        return Split(chosen.stored, chosen.inputs, self.signature, chosen.names)

    def batches(
        self,
        *,
        batch_size: int = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: Chain | None = None,
    ) -> Batches:
        """The examples as batches `(inputs, inputs)`."""
        return _Own(
            self.part.batches(
                batch_size=batch_size, shuffle=shuffle, drop_last=drop_last, augment=augment
            )
        )


@dataclass(frozen=True)
class _Own:
    """Batches whose target is the input."""

    batches: Batches

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """As `Batches` have it."""
        for x, *_ in self.batches.epoch(number, seed=seed, start=start):
            yield x, x


def own_targets(data: Dataset, task: str, /) -> Dataset:
    """The same examples for a task whose right answers are the examples.

    Whole levels (of a picture's numbers) are found by looking at the first thousand training
    examples, and noted in the port; a line says so.

    Args:
        data: examples with whatever targets, which do not count.
        task: of the answer, `density`.

    Raises:
        UsageError: the inputs are texts or rows of a table.
    """
    port = data.signature.input
    if len(data.signature.inputs) > 1 or port.kind not in ("image", "vector", "audio"):
        raise UsageError(
            f"{data.name} has inputs of kind {port.kind!r}; a density is learned of pictures, "
            "sounds or vectors of numbers"
        )
    decided = list(data.about.get("decided", ()))
    if port.kind == "image":
        levels = _levels(data.train)
        port = replace(port, mean=(), std=(), levels=levels)
        if levels:
            decided.append(f"pictures of {levels} levels: the density is a probability per level")
    answer = Port(task, "value", (), task=task)
    signature = Signature((port,), (answer,))
    train, valid, test = (
        OwnTargets(part, signature) for part in (data.train, data.valid, data.test)
    )
    about = data.about | {"decided": decided}
    return replace(data, train=train, valid=valid, test=test, signature=signature, about=about)


def _levels(part: Examples) -> int:
    """How many evenly spaced values from 0 to 1 the numbers take; 0 for real numbers."""
    values = part.select(range(min(len(part), LOOKED))).inputs.double().unique()
    if len(values) < 2 or values[0] < 0 or values[-1] > 1:
        return 0
    steps = 1 / values.diff().min().item()
    count = round(steps)
    whole = (values * count - (values * count).round()).abs().max() < 1e-3
    return count + 1 if count < FINEST and whole else 0
