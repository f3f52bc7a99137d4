"""What runs of a search are judged by: one metric of the validation examples."""

from collections.abc import Sequence
from functools import cached_property
from math import sqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.averaged import measure
from cartograd.apps.auto.folds import Folds
from cartograd.apps.auto.remembered import only_learning
from cartograd.apps.auto.tried import Tried
from cartograd.apps.load.source import examples_for
from cartograd.apps.verbs.plan import Plan
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Examples
from cartograd.engine.files import bundle
from cartograd.engine.loop.evaluate import collect

RARE = 0.1
"""Share of the rarest class below which accuracy says little, and the ranking of examples counts
(two classes), or the mean of the classes' recalls (more)."""

ROUNDED = 1e-9
"""What shares of right answers may be off by."""

UNSURE = ("accuracy", "recall", "roc-auc")
"""Metrics that look at which answers are right, and not at how sure they were."""


class Judged:
    """The metric of a search.

    Args:
        data: of the search.
        word: as what they are read, for models that read them otherwise.
        metric: its spec; by default accuracy, where a class is rare ROC AUC or the mean recall of
            the classes, of values the root of the mean squared error.

    Raises:
        UsageError: there is no validation part, or no such metric.
    """

    def __init__(self, data: Dataset, word: Any, metric: str | None = None, /):
        if not len(data.valid):
            raise UsageError(f"{data.name} has no validation part, by which models are compared")
        self.signature: Signature = data.signature
        self.metric = metric or _usual(data)
        card, _ = registry.find(Spec.parse(self.metric).name, kind="metric")
        self.sign = -1.0 if card.better == "lower" else 1.0
        self.data, self.word = data, word
        self.folds = Folds(data)
        self.heard: dict[Path, tuple[Tensor, Tensor]] = {}
        self.still: dict[Path, tuple[list[str], bool]] = {}

    @cached_property
    def loss(self) -> str:
        """The metric that decides between equals."""
        return "rmse" if self.signature.target == "value" else "nll"

    def hear(self, run: Path, plan: Plan, /) -> None:
        """Keep what a run in memory says of validation examples, and which weights were still."""
        own = plan.model.model
        still = [name for name, one in own.named_parameters() if not one.requires_grad]
        self.still[run] = still, only_learning(own) is not None
        batches = plan.data.valid.batches(batch_size=256, shuffle=False)
        self.heard[run] = collect(plan.model, batches)

    def answers(self, run: Path, part: str, /) -> tuple[Tensor, Tensor]:
        """What a run says of a part of the data, and what is right."""
        if part == "valid" and run in self.heard:
            return self.heard[run]
        found = bundle.load(run)
        examples = self._examples(found, part)
        return collect(found.model, examples.batches(batch_size=256, shuffle=False))

    def _examples(self, found: Any, part: str) -> Examples:
        if found.signature.inputs == self.data.signature.inputs:
            return {"valid": self.data.valid, "test": self.data.test}[part]
        return examples_for(found.signature, self.word, part, tokenizer=found.model.tokenizer)

    def score(self, run: Path, /) -> tuple[float, float]:
        """The metric, larger where it is better, and the loss."""
        return self.of(*self.answers(run, "valid"))

    def crossed(self, run: Path, /) -> tuple[float, float] | None:
        """The same by cross-validation; None of a run that was not judged so."""
        found = self.folds.answers(run)
        return None if found is None else self.of(*found)

    def of(self, outputs: Tensor, targets: Tensor, /) -> tuple[float, float]:
        """The same of answers."""
        value = float(measure(self.metric, self.signature)(outputs, targets))
        loss = float(build(self.loss, kind="metric")(outputs, targets))
        return self.sign * value, loss

    @property
    def unsure(self) -> bool:
        """Whether the metric looks at right answers alone, of which few examples tell little."""
        return Spec.parse(self.metric).name in UNSURE

    def ranked(self, tried: Sequence[Tried], /) -> list[Tried]:
        """Those of which something came, best first.

        Where the metric looks at right answers alone, those within one standard error of the best
        (or one example) are told apart by their loss, which looks at how sure they were of every
        example. Where a class is rare, the error is that of its examples. What was judged by
        cross-validation is before the rest.
        """
        good = [one for one in tried if not one.failed]
        crossed = [one for one in good if one.crossed is not None]
        rest = [one for one in good if one.crossed is None]
        valid, whole = (self.data.valid,), (self.data.train, self.data.valid)
        return [*self._ranked(crossed, whole), *self._ranked(rest, valid)]

    def _ranked(self, tried: Sequence[Tried], parts: Sequence[Examples]) -> list[Tried]:
        """Those judged by the examples of these parts."""
        good = sorted(tried, key=lambda one: one.better, reverse=True)
        if not good or not self.unsure:
            return good
        n = sum(map(len, parts))
        if Spec.parse(self.metric).name != "accuracy":
            n = int(torch.cat([part.targets.flatten() for part in parts]).bincount().min())
        best = good[0].better[0]
        right = (best * n + 1) / (n + 2)
        least = best - max(sqrt(right * (1 - right) / n), 1 / n) - ROUNDED
        near = [one for one in good if one.better[0] >= least]
        return [*sorted(near, key=lambda one: one.lost), *good[len(near) :]]

    def rank(self, found: tuple[float, float], /) -> tuple[float, float]:
        """What an average has to raise: less loss where right answers alone count, or the metric.

        Args:
            found: the metric, larger where it is better, and the loss.
        """
        score, loss = found
        return (-loss, score) if self.unsure else (score, -loss)

    def examples(self, best: Tried, /) -> str:
        """By which examples the best was chosen, in words."""
        if best.crossed is None:
            return "of the validation examples"
        count = len(self.data.train) + len(self.data.valid)
        return f"by cross-validation of {count:,} training and validation examples"

    def spoken(self, score: float, /) -> str:
        """A score as people read it.

        A score is larger where it is better; what is told is the metric itself.
        """
        return f"{self.metric} {units.metric(self.metric, self.sign * score)}"


def _usual(data: Dataset) -> str:
    signature = data.signature
    if signature.task.name == "regress":
        return "rmse"
    if signature.target != "class":
        return str(signature.task.usual_metrics(signature.classes)[0])
    counts = data.train.targets.flatten().bincount(minlength=signature.classes or 0)
    if float(counts.min()) >= RARE * float(counts.sum()) / max(1, len(counts) / 2):
        return "accuracy"
    return "roc-auc" if len(counts) == 2 else "recall:average=macro"
