"""Examples that are their own right answers, for models that learn what examples are like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Batch, Batches
from cartograd.core.restoring import Degradation
from cartograd.core.task import find
from cartograd.data.dataset.augment import Chain
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.seen_classes import labels_of, told_of_unseen, without_examples

FINEST = 2**16
"""More values than this are those of a real number."""

BYTE = 255
"""The largest number of a picture's file, which is white."""

LOOKED = 1000
"""Examples by which the number of values is found."""

MIDDLE = 0.5
"""Generators see numbers from 0 to 1 as numbers from -1 to 1: this is their middle and spread."""


@dataclass(frozen=True)
class OwnTargets:
    """A part of a dataset, whose right answers are the examples themselves.

    Attributes:
        part: the examples, with whatever targets.
        signature: what is made of them: inputs are the example, or the noise that one of the
            model's own is made of, and the class or the text where the model is told of it.
        degradation: what is done to the examples that the model sees, if anything.
    """

    part: Examples
    signature: Signature
    degradation: Degradation | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the examples are called."""
        return self.part.names

    @property
    def targets(self) -> Tensor:
        """The examples themselves."""
        return self.part.select(range(len(self.part))).inputs

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
        chosen, index = self.part.select(indices), torch.as_tensor(indices, dtype=torch.int64)
        given = chosen.stored
        if self.signature.draws or self.degradation is not None:
            given = self.given(chosen.inputs, index)
        others = [chosen.targets] if len(self.signature.inputs) > 1 else []
        return Split(given, chosen.inputs, self.signature, chosen.names, others=others)

    def batches(
        self,
        *,
        batch_size: int = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: Chain | None = None,
    ) -> Batches:
        """The examples as batches `(examples or noise, [classes], examples)`."""
        batches = self.part.batches(
            batch_size=batch_size, shuffle=shuffle, drop_last=drop_last, augment=augment
        )
        return _Own(batches, batch_size, self)

    def given(
        self,
        x: Float[Tensor, "b ..."],
        rows: Int[Tensor, " b"],
        /,
        *,
        seed: int = 0,
        epoch: int = 0,
    ) -> Float[Tensor, "b ..."]:
        """What the model sees of examples: themselves, noise, or a degraded version."""
        if self.signature.draws:
            return noise(self.signature, rows, seed=seed, epoch=epoch).to(x.device)
        if self.degradation is None:
            return x
        return self.degradation(x, CounterRandom(rows, seed=seed, epoch=epoch))


@dataclass(frozen=True)
class _Own:
    """Batches whose target is the example."""

    batches: Batches
    size: int
    own: OwnTargets

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """As `Batches` have it; the noise is a function of the place in the epoch."""
        place = start * self.size
        for x, *_, y in self.batches.epoch(number, seed=seed, start=start):
            rows = torch.arange(place, place + len(x))
            given = self.own.given(x, rows, seed=seed, epoch=number)
            yield (given, y, x) if len(self.own.signature.inputs) > 1 else (given, x)
            place += len(x)


def noise(
    signature: Signature, rows: Int[Tensor, " b"], /, *, seed: int = 0, epoch: int = 0
) -> Float[Tensor, "b ..."]:
    """Standard normal numbers for a generator's input, each row's a function of its number."""
    port = signature.input
    drawn = CounterRandom(rows, seed=seed, epoch=epoch).normal(port.size)
    return drawn.float().reshape(len(rows), *(int(dim) for dim in port.dims))


def own_targets(
    data: Dataset,
    task: str,
    /,
    *,
    conditional: bool = False,
    reads: bool = False,
    latent: int | None = None,
    steps: bool = False,
) -> Dataset:
    """The same examples for a task whose right answers are the examples.

    Whole levels (of a picture's numbers) are found by looking at the first thousand training
    examples, and noted in the port; a line says so.

    Args:
        data: examples with whatever targets, which do not count but as conditions.
        task: of the answer: `density`, `generate` or `reconstruct`.
        conditional: whether the model is told the class of each example, where the data have one.
        reads: whether it is told the caption of each example, where the data have one.
        latent: numbers of noise that an example is made of; as many as it has if left out.
        steps: whether the model sorts samples of sounds into steps from -1 to 1; standardised ones
            would fall outside.

    Raises:
        UsageError: the inputs are texts or rows of a table.
    """
    port = data.signature.input
    if len(data.signature.inputs) > 1 or port.kind not in ("image", "vector", "audio"):
        raise UsageError(
            f"{data.name} has inputs of kind {port.kind!r}; what examples are like is learned of "
            "pictures, sounds or vectors of numbers"
        )
    draws, rebuilds = find(task).draws, find(task).rebuilds
    decided = list(data.about.get("decided", ()))
    if port.kind == "image":
        levels, middle = _levels(data.train), (MIDDLE,) if draws else ()
        port = replace(port, mean=middle, std=middle, levels=levels)
        if levels and not draws and not rebuilds:
            decided.append(f"pictures of {levels} levels: the density is a probability per level")
    elif port.kind == "audio" and steps:
        port = replace(port, mean=(), std=())
    inputs, answer = (port,), Port(task, "value", (), task=task)
    if rebuilds:
        answer = replace(port, task=task)
    if draws:
        dims = port.dims if latent is None else (latent,)
        inputs, answer = (Port("noise", "vector", dims),), replace(port, task=task)
    output = data.signature.output
    several = data.signature.target == "class" and len(output.labels) != 1
    if conditional and several and len(output.dims) == 1:
        labels, unseen = labels_of(output), without_examples(data)
        inputs += (Port("class", "label", (), "int64", labels=labels, unseen=unseen),)
        decided += filter(None, [told_of_unseen(unseen)])
    if reads and draws and output.task == "caption":
        length, words = output.dims[0], int(output.dims[-1])
        inputs += (Port("text", "text", (length,), "int64", (0, words - 1), padding_id=0),)
    signature = Signature(inputs, (answer,))
    train, valid, test = (
        OwnTargets(part, signature) for part in (data.train, data.valid, data.test)
    )
    about = data.about | {"decided": decided}
    return replace(data, train=train, valid=valid, test=test, signature=signature, about=about)


def prompt_of(signature: Signature, /) -> Port | None:
    """The input that says in words what a drawn example is to be, if there is one."""
    if not signature.draws:
        return None
    return next((port for port in signature.inputs[1:] if port.kind == "text"), None)


def _levels(part: Examples) -> int:
    """How many evenly spaced values from 0 to 1 the numbers take; 0 for real numbers."""
    values = part.select(range(min(len(part), LOOKED))).inputs.double().unique()
    if len(values) < 2 or values[0] < 0 or values[-1] > 1:
        return 0
    spaced = round(1 / values.diff().min().item())
    for count in (spaced, BYTE):  # a few of the levels of a byte need not be evenly spaced
        whole = (values * count - (values * count).round()).abs().max() < 1e-3
        if count < FINEST and whole:
            return count + 1
    return 0
