"""What is audited: a model, the examples that it is measured on, and those that it learned from."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import part_of, trained_on
from cartograd.apps.load.source import Data, examples_for
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.report.origin import Origin, origin_of
from cartograd.apps.verbs.attack import classes_of, outputs_of
from cartograd.core.errors import UsageError
from cartograd.core.hashing import digest_of
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.engine.device.device import pick

MOST = 10_000
"""Examples that are looked at at most, and of the training as many."""
NUMBERS = 2**28
"""Numbers of all examples at most: 1 GiB."""


@dataclass(frozen=True)
class Subject:
    """A model and its examples.

    Attributes:
        model: on its device.
        examples: in a fixed shuffle of the seed; each section takes the first of them.
        train: some that the model learned from (of a dataset in memory, its training part);
            None where these are not known.
        origin: how the model came to be.
        data: what the examples are called.
        part: of the data.
        seed: of all that is drawn.
        device: as it was asked for.
        slices: the column by whose cells fairness is measured; empty for the usual slices.
        notes: what was decided while the data were read.
        target: as it was given, for verbs that ask how it came to be.
        read: the data as they were given, with all their parts.
        seconds: what a section may take; it need not look at that.
    """

    model: Signed
    examples: Split
    train: Split | None
    origin: Origin
    data: str
    part: str
    seed: int = 0
    device: str = "auto"
    slices: str = ""
    notes: tuple[str, ...] = ()
    target: Any = field(default=None, repr=False)
    read: Any = field(default=None, repr=False)
    seconds: float = math.inf
    answered: list[Tensor] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def name(self) -> str:
        """What the model is called."""
        return name_of(self.model)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, of a classifier."""
        output = self.model.signature.output
        count = max(2, self.model.signature.classes or 0)
        return output.labels or tuple(map(str, range(count)))

    @property
    def classifies(self) -> bool:
        """Whether each example has one class, told by logits."""
        task = self.model.signature.task
        return task.attacked == "class" and task.target == "class" and not task.each

    def few(self, n: int, /) -> "Subject":
        """The same model with the first `n` of the examples."""
        if n >= len(self):
            return self
        return replace(self, examples=self.examples.select(torch.arange(n)))

    def outputs(self) -> Float[Tensor, "n k"]:
        """The logits of all examples, asked once; of a single one that of yes, beside 0 for no."""
        n = len(self)
        if not self.answered or len(self.answered[0]) < n:
            found = outputs_of(self.model, self.examples.inputs)
            padded = torch.nn.functional.pad(found, (1, 0)) if found.shape[1] == 1 else found
            self.answered[:] = [padded]
        return self.answered[0][:n]

    def right(self) -> Bool[Tensor, " n"]:
        """Which answers are right."""
        return self.outputs().argmax(1) == self.examples.targets

    def said(self, x: Tensor, /) -> Int[Tensor, " b"]:
        """The classes that the model names for other inputs."""
        return classes_of(outputs_of(self.model, x))

    def commonest(self) -> tuple[float, str]:
        """The share of the commonest class of the examples, and a word for the control by it."""
        counts = self.examples.targets.bincount(minlength=len(self.labels))
        return float(counts.max()) / len(self), f"always {self.labels[int(counts.argmax())]!r}"

    def digests(self) -> dict[str, str]:
        """BLAKE3 of the weights and of the examples; that of the bundle, if there is one."""
        state = self.model.state_dict()
        named = digest_of((state[name] for name in sorted(state)), sorted(state))
        bundle = {"bundle": self.origin.digest} if self.origin.digest else {}
        return {"weights": named, "examples": self.examples.digest()} | bundle


def subject_of(
    target: Target,
    data: Data,
    /,
    *,
    part: str | None,
    most: int,
    slices: str,
    seed: int,
    device: str,
) -> Subject:
    """The model and its examples, read by the same code as of the other verbs.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        part: `train`, `valid`, `test` or `all`; by default what the model has not learned from.
        most: examples at most.
        slices: a column of the table.
        seed: of the shuffle and all that is drawn.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: the target is no model, the data do not fit it or have no examples, or there is
            no such column.
    """
    model, trained = as_signed(target).to(pick(device)), trained_on(target)
    read, notes = as_learned(data, trained)
    part, why = part_of(part, read, trained)
    found = examples_for(model.signature, read, part, tokenizer=model.tokenizer, notes=notes)
    if not len(found):
        raise UsageError(f"there are no examples in the part {part!r}; expected at least 1")
    examples = _some(found, most, seed)
    if len(examples) < len(found):
        notes = [*notes, f"{len(examples):,} of {len(found):,} examples are looked at"]
    if slices:
        _check_column(examples, slices)
    if part == "test" and (isinstance(read, Dataset) or part_of("all", read, trained)[1]):
        learned = examples_for(model.signature, read, "train", tokenizer=model.tokenizer)
        train = _some(learned, most, seed) if len(learned) else None
    else:
        train = None
    if why:
        notes = [*notes, f"measured on {why}"]
    return Subject(
        model, examples, train, origin_of(target), _called(data), part, seed, device, slices,
        tuple(notes), target, read,
    )  # fmt: skip


def _some(found: Examples, most: int, seed: int) -> Split:
    """The first examples of a shuffle: no more than fit the memory as numbers."""
    most = max(1, min(most, NUMBERS // max(1, found.select([0]).inputs[0].numel())))
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))
    return found.select(order[:most])


def _called(data: Data) -> str:
    if isinstance(data, str | Path | Spec):
        return str(data)
    return data.name if isinstance(data, Dataset) else "the examples given"


def _check_column(examples: Split, name: str) -> None:
    if examples.table is None:
        kind = examples.signature.input.kind
        raise UsageError(
            f"slices={name} is a column of a table, and these are examples of kind {kind!r}; "
            "leave it out"
        )
    examples.table.column(name)
