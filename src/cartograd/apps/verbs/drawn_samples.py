"""Examples that a model draws, and their metrics beside real ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.target import name_of
from cartograd.apps.verbs.judge import Judge, Judges
from cartograd.apps.verbs.sample import sample
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.generative import Draws
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Examples
from cartograd.practice.metrics.proportion import exact

MOST = 1000
"""Examples that are drawn to be measured: each costs as much as many predictions."""

REAL = 2000
"""Real examples that they are compared with."""

COMPONENTS = 64
"""Numbers by which examples of more than these are compared."""

HALVES = 20
"""Halves of the sets by which the spread of a metric is estimated."""

JUDGED = "accuracy (of the judge)"
"""How often drawn examples are of the class that was asked for."""

STUDENT = 2.093
"""Standard errors on either side of a 95 % interval that rests on so many halves."""


def is_of_samples(metric: str, /) -> bool:
    """Whether a metric takes sets of drawn and of real examples."""
    name = Spec.parse(metric).name
    return bool(registry.lookup(name, kind="sample-metric"))


def draws_itself(model: Signed, /) -> bool:
    """Whether a model whose answers are no examples draws some all the same, as flows do."""
    signature = model.signature
    return (
        signature.target == "example"
        and not signature.task.sample_metrics
        and isinstance(model.model, Draws)
    )


def own_examples(
    model: Signed, examples: Examples, /, *, device: str = "auto"
) -> Float[Tensor, "n ..."]:
    """Examples that such a model draws, of the classes of (some of) the real ones."""
    places, asked = spread(len(examples), MOST), None
    if examples.signature.condition is not None:
        asked = examples.select(places).others[0]
    return sample(model, len(places), condition=asked, device=device)


def shown(model: Signed, outputs: Float[Tensor, "n ..."], /) -> Float[Tensor, "n ..."]:
    """A generator's own numbers as its examples are given to a user: within their bounds.

    A network without a last tanh or sigmoid answers with pixels darker than black.
    """
    bounds = model.signature.example.bounds
    return outputs if bounds is None else outputs.clamp(*bounds)


@dataclass(frozen=True)
class Compared:
    """Drawn and real examples as features.

    Attributes:
        drawn, real: their features.
        how: what the features are.
    """

    drawn: Float[Tensor, "n d"]
    real: Float[Tensor, "m d"]
    how: str

    @property
    def both(self) -> tuple[Tensor, Tensor]:
        """The two sets."""
        return self.drawn, self.real

    def measured(self, name: str, /) -> tuple[float, tuple[float, float], str]:
        """A metric, its interval by the spread over halves, and what to bear in mind.

        Halves are drawn without replacement: an example that stood twice in a set would be its own
        nearest neighbour.
        """
        metric = build(name, kind="sample-metric")
        value = float(metric(self.drawn, self.real))
        generator = torch.Generator().manual_seed(0)
        again = [
            metric(*(x[torch.randperm(len(x), generator=generator)[: -(-len(x) // 2)]]
                     for x in self.both))
            for _ in range(HALVES)
        ]  # fmt: skip
        reach = STUDENT * torch.tensor(again, dtype=torch.float64).std().item()
        low, high = value - reach, value + reach
        if registry.find(Spec.parse(name).name, kind="sample-metric")[0].unit == "share":
            high = min(high, max(1.0, value))
        if min(again) >= 0:  # a distance is never below nought
            low = max(low, min(value, 0.0))
        doubt = f"of {len(self.drawn):,} drawn and {len(self.real):,} real examples, by {self.how}"
        return value, (low, high), doubt


Figure = tuple[float, tuple[float, float], str]
"""A value, its interval, and what to bear in mind."""


def drawn_figures(
    metrics: Sequence[str],
    drawn: Float[Tensor, "n ..."],
    examples: Examples,
    /,
    *,
    judges: Judges | None = None,
) -> dict[str, Figure]:
    """Metrics of drawn examples; with a judge also how often they are of the class asked for.

    Args:
        metrics: specs of kind `sample-metric`.
        drawn: examples that a model made for (some of) `examples`, evenly spread over these.
        examples: real ones.
        judges: classifiers of such examples.

    Raises:
        UsageError: see `compared`.
    """
    both = compared(drawn, examples, judge=None if judges is None else judges.features)
    found = {name: both.measured(name) for name in metrics}
    if judges is None or examples.signature.condition is None:
        return found
    asked = examples.select(spread(len(examples), len(drawn))).others[0]
    right = int((Judge(judges.classes).classes(drawn).argmax(1) == asked).sum())
    told = (
        f"as {name_of(judges.classes)} sees the classes that {len(drawn):,} examples were asked of"
    )
    return found | {JUDGED: (right / len(drawn), exact(right, len(drawn)), told)}


def compared(
    drawn: Float[Tensor, "n ..."], examples: Examples, /, *, judge: Signed | None = None
) -> Compared:
    """Drawn examples and real ones, as features of a judge, or as numbers of a kind.

    Without a judge these are the examples' own numbers; of more than `COMPONENTS` of them, the
    principal components of the real ones.

    Args:
        drawn: examples of a model's own.
        examples: real ones.
        judge: a classifier of such examples.

    Raises:
        UsageError: the judge takes other inputs, or has no features of each example.
    """
    real = examples.select(spread(len(examples), REAL)).targets
    if judge is not None:
        ruler = Judge(judge)
        ours, theirs = ruler.features(drawn), ruler.features(real)
        return Compared(ours, theirs, f"{ours.shape[1]} features of {name_of(judge)}")
    return numbers(drawn, real)


def numbers(drawn: Float[Tensor, "n ..."], real: Float[Tensor, "m ..."], /) -> Compared:
    """Two sets of examples as their own numbers, or components of these."""
    real, drawn = real.flatten(1).double(), drawn.flatten(1).double()
    if real.shape[1] <= COMPONENTS:
        return Compared(drawn, real, f"their {real.shape[1]} numbers")
    mean = real.mean(0)
    _, axes = torch.linalg.eigh(torch.cov(real.T))
    axes = axes[:, -COMPONENTS:]
    return Compared((drawn - mean) @ axes, (real - mean) @ axes, f"{COMPONENTS} components")


def spread(count: int, most: int, /) -> list[int]:
    """At most so many places: one, drawn at random but always the same, of each of equal pieces.

    Places at even distances would miss classes that take turns.

    >>> spread(4, 9), len({one % 5 for one in spread(100, 20)}) > 1
    ([0, 1, 2, 3], True)
    """
    few = min(count, most)
    bounds = torch.arange(few + 1) * count // few
    within = torch.rand(few, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (bounds[:-1] + (within * bounds.diff()).long()).tolist()
