"""Cross-validation where few examples are held out: every example judges once.

Of fifty validation examples one more right answer is two points, and among ten models one is always
lucky. So a setting is trained anew some times, each time without a fold of the training and
validation examples together, and what it says of the fold that it has not seen is kept: all of them
judge then, and by the same answers an average is put together. The run itself stays what its line
makes; its weights were seen by none of this. A tenth of what is left says which epoch is best, as
validation examples do. Copies of an example are in one fold.

References:
    Mervyn Stone. Cross-validatory choice and assessment of statistical predictions. Journal of the
    Royal Statistical Society B 36, 1974. https://doi.org/10.1111/j.2517-6161.1974.tb00994.x
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, Shaped
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from cartograd.apps.auto.remembered import Kept, remembered
from cartograd.apps.auto.tried import Tried
from cartograd.apps.load.source import pooled
from cartograd.apps.verbs.plan import planned
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import fit

COUNT = 5
"""Folds: four fifths of the examples are learned from each time."""

FEW = 1000
"""Training and validation examples from which on the validation examples alone judge; where a class
is rare, as many times its examples as there are classes."""

KINDS = ("table", "vector", "image", "text")
"""What examples of their own are made of: windows of a series overlap, and voices are of people."""

WATCH = 0.1
"""Share of what is learned from that says which epoch is best."""

FILE = "out-of-fold.safetensors"


class Folds:
    """The training and validation examples of data, in folds.

    Args:
        data: of the search.

    Attributes:
        count: of the folds.
    """

    count = COUNT

    def __init__(self, data: Dataset, /):
        self.data = data

    @cached_property
    def few(self) -> bool:
        """Whether the validation examples are too few to judge alone."""
        signature, parts = self.data.signature, (self.data.train, self.data.valid)
        fits = signature.example.kind in KINDS and signature.target in ("class", "value")
        if not fits or not all(isinstance(part, Split) for part in parts):
            return False
        whole = sum(map(len, parts))
        if signature.target == "class":
            counts = torch.cat([part.targets for part in parts]).bincount()
            whole = min(whole, len(counts) * int(counts.min()))
        return self.count < whole < FEW

    @cached_property
    def pool(self) -> Split:
        """All that judge."""
        return pooled((self.data.train, self.data.valid), self.data.signature)

    @cached_property
    def place(self) -> Int[Tensor, " n"]:
        """The fold of each."""
        return folds(self.pool.stored.flatten(1), self.pool.targets, self.count)

    def runs(self, one: Tried, before: Kept, /) -> Iterator[tuple[Int[Tensor, " m"], Tensor]]:
        """Fold after fold: the examples in it, and what a setting says that has not seen them.

        Args:
            one: a try with its settings.
            before: what the frozen part of published weights has said of examples.
        """
        for number in range(self.count):
            held = (self.place == number).nonzero().flatten()
            rest = (self.place != number).nonzero().flatten()
            watch = rest[torch.randperm(len(rest), generator=torch.Generator().manual_seed(number))]
            most = max(1, round(WATCH * len(rest)))
            parts = {"train": watch[most:], "valid": watch[:most], "test": held}
            splits: Any = {name: self.pool.select(rows) for name, rows in parts.items()}
            given = {**one.settings, "yardstick": "none", "samples": None}
            plan = planned(one.model, replace(self.data, **splits), **given)
            batches = splits["test"].batches(batch_size=256, shuffle=False)
            with remembered(plan.model, before):
                fit(plan.objective, plan.batches(), options=plan.options, **plan.validation())
                answers = collect(plan.model, batches)[0]
            yield held, answers

    def keep(self, run: Path, said: list[tuple[Tensor, Tensor]], /) -> None:
        """Write what was said of all folds beside the run that they judge."""
        rows, answers = (torch.cat(list(each)) for each in zip(*said, strict=True))
        save_file({"outputs": answers[rows.argsort()].contiguous()}, run / FILE)

    def forget(self, run: Path, /) -> None:
        """Take away what was said."""
        (run / FILE).unlink(missing_ok=True)

    def answers(self, run: Path, /) -> tuple[Tensor, Tensor] | None:
        """What was said of all examples, and what is right; None where a run was not judged so."""
        with suppress(OSError, SafetensorError, KeyError):
            return load_file(run / FILE)["outputs"], self.pool.targets
        return None


def folds(
    inputs: Shaped[Tensor, "n d"], targets: Shaped[Tensor, "n ..."], count: int, /
) -> Int[Tensor, " n"]:
    """The fold of each example: as many of each class in all, copies of an example together.

    >>> place = folds(torch.arange(8.0)[:, None], torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]), 2)
    >>> place[:4].sum().item(), place[4:].sum().item()
    (2, 2)
    """
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    if not targets.is_floating_point():
        order = order[targets[order].argsort(stable=True)]
    place = torch.empty(len(inputs), dtype=torch.int64)
    place[order] = torch.arange(len(inputs)) % count
    same = torch.unique(inputs, dim=0, return_inverse=True)[1]
    first = torch.full((int(same.max()) + 1,), len(inputs)).scatter_reduce(
        0, same, torch.arange(len(inputs)), "amin"
    )
    return place[first[same]]
