"""TCAV: whether a class listens to a concept, and whether that is more than chance.

A concept is a set of examples. In a layer, a linear classifier tells its examples from random ones;
the normal of its boundary is the concept's direction. The score is the share of a class's examples
whose output rises along it. Any two random sets have a direction, too, so scores are counted over
many random sets, and compared with those of random sets against random sets by Welch's t-test.

    TCAV = |{x of class k : grad_h f_k(h(x)) . v > 0}| / |{x of class k}|

Shapes: x (n ...), y (n); the layer gives (n ...), flattened.

Departures: the classifier is a ridge regression of +1 and -1, solved by its examples; p is
multiplied by the number of pairs that are tested (Bonferroni).

References:
    Been Kim, Martin Wattenberg, Justin Gilmer, Carrie Cai, James Wexler, Fernanda Viegas, Rory
    Sayres. Interpretability beyond feature attribution: quantitative testing with concept
    activation vectors (TCAV). ICML 2018. https://arxiv.org/abs/1711.11279

>>> model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
>>> found = tcav(model, torch.randn(60, 3), torch.arange(60) % 2, draws=4)
>>> [(one.concept, one.target) for one in found.tests]
[('0', '0'), ('0', '1'), ('1', '0'), ('1', '1')]
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from scipy.stats import t as student
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.frontier.explain.studies.hidden import called, check_labelled, middle_layer, slopes
from cartograd.frontier.inputs import check_takes

CARD = Card(
    name="tcav",
    kind="study",
    entry="tcav",
    nodes=("xai/tcav",),
    title="TCAV (concept activation vectors)",
    zh="概念激活向量 TCAV",
    paper="Interpretability beyond feature attribution: quantitative testing with concept "
    "activation vectors (TCAV)",
    year=2018,
    url="https://arxiv.org/abs/1711.11279",
    proofs=(
        "oracle: the concept's direction is the normal of sklearn.linear_model.Ridge on +1 and -1, "
        "and p that of scipy's Welch test",
        "law: of digits each class listens to itself (score at least 0.9, p below 0.01 corrected)",
        "law: sets drawn at random are no concept: p is above 0.05 in at least nine of ten repeats",
    ),
    evidence={
        "xai/tcav": (
            "test_classes_listen_to_themselves",
            "test_random_sets_are_no_concept",
            "test_every_study_is_drawn_and_told",
        )
    },
    tiny={"draws": 3},
)

LEAST = 10
"""Examples of a concept, and of a class."""

RIDGE = 0.01
"""How strongly the classifier is held back, as a share of the mean square of its examples."""


@dataclass(frozen=True)
class ConceptTest:
    """Whether a class listens to a concept.

    Attributes:
        concept, target: the concept and the class, by name.
        score: mean share of the class's examples whose output rises along the concept.
        error: its standard deviation over random counterparts.
        chance, chance_error: the same of random sets against random sets.
        p: of Welch's test that the two are alike, times the number of tests, at most 1.
        told_apart: share of held-back examples that the concept's classifier gets right.
    """

    concept: str
    target: str
    score: float
    error: float
    chance: float
    chance_error: float
    p: float
    told_apart: float

    @property
    def verdict(self) -> str:
        """In words."""
        if self.p >= 0.05:
            return "no more than chance"
        return "speaks for it" if self.score > self.chance else "speaks against it"


@dataclass(frozen=True)
class Concepts:
    """All tests of a layer."""

    layer: str
    tests: tuple[ConceptTest, ...]

    columns = ("concept", "class", "score", "random sets", "p", "told apart", "so it")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """In a line."""
        return [("layer", self.layer), ("p", f"of Welch's test, times {len(self.tests)} tests")]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each pair."""
        return [
            (
                one.concept, one.target, f"{one.score:.3f} ± {one.error:.2f}",
                f"{one.chance:.3f} ± {one.chance_error:.2f}", f"{one.p:.2g}",
                f"{one.told_apart:.0%}", one.verdict,
            )
            for one in self.tests
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        tests = [asdict(one) | {"verdict": one.verdict} for one in self.tests]
        return {"layer": self.layer, "tests": tests}


def tcav(
    model: nn.Module,
    x: Shaped[Tensor, "n ..."],
    y: Shaped[Tensor, "n ..."],
    /,
    *,
    concept: Tensor | str | int | None = None,
    target: str | int | None = None,
    layer: str | None = None,
    draws: int = 20,
    seed: int = 0,
) -> Concepts:
    """Which classes listen to which concepts.

    Args:
        model: any classifier.
        x: examples, of which random sets are drawn.
        y: their classes.
        concept: examples of a concept as a tensor, or a class by name or number, whose examples
            are the concept; by default each class.
        target: the class that may listen; by default each class.
        layer: in which it is tested; by default the last convolution, or the last dense layer but
            one.
        draws: random sets.
        seed: of them.

    Raises:
        UsageError: no classes, too few examples, or a class or layer that does not exist.
    """
    check_takes(model, x)
    y = check_labelled(y, "tcav")
    if draws < 2:
        raise UsageError(f"tcav has draws={draws}; a test takes at least 2 random sets")
    names = called(model, int(y.max()) + 1)
    targets = [_number(target, names)] if target is not None else list(range(len(names)))
    layer = layer or middle_layer(model, x)
    if isinstance(concept, Tensor):
        concepts: dict[str, Tensor | int] = {"concept": concept}
    else:
        own = range(len(names)) if concept is None else [_number(concept, names)]
        concepts = {names[one]: one for one in own}
    gives, _ = slopes(model, x, targets[0], layer)
    climbs = {one: slopes(model, x[y == one], one, layer)[1] for one in _enough(targets, y, names)}
    generator, tests = torch.Generator().manual_seed(seed), list[ConceptTest]()
    for name, what in concepts.items():
        if isinstance(what, Tensor):
            inside, outside = slopes(model, what.to(x), targets[0], layer)[0], gives
        else:
            inside, outside = gives[y == what], gives[y != what]
        if len(inside) < LEAST:
            raise UsageError(
                f"the concept {name!r} has {len(inside)} examples; expected at least {LEAST}"
            )
        ways = _directions(inside, outside, gives, draws, generator)
        for one, climb in climbs.items():
            tests.append(_tested(name, names[one], climb, ways, len(concepts) * len(climbs)))
    return Concepts(layer or "last convolution", tuple(tests))


@dataclass(frozen=True)
class Ways:
    """Directions in a layer: of the concept and of random sets, a row each; how well they tell."""

    concept: Float[Tensor, "n d"]
    chance: Float[Tensor, "n d"]
    told_apart: float


def _directions(
    inside: Tensor, outside: Tensor, every: Tensor, draws: int, generator: torch.Generator
) -> Ways:
    """The concept against random sets of as many examples, and random sets against others."""
    n = min(len(inside), len(outside) // 2, len(every) // 2)
    own, chance, right = [], [], []
    held = max(1, n // 4)
    for _ in range(draws):
        mine = inside[torch.randperm(len(inside), generator=generator)[:n]]
        others = outside[torch.randperm(len(outside), generator=generator)[:n]]
        way, middle = direction(mine[held:], others[held:])
        sides = torch.cat([mine[:held] @ way > middle, others[:held] @ way <= middle])
        right.append(float(sides.double().mean()))
        own.append(way)
        order = torch.randperm(len(every), generator=generator)
        chance.append(direction(every[order[:n]], every[order[n : 2 * n]])[0])
    return Ways(torch.stack(own), torch.stack(chance), sum(right) / draws)


def direction(
    one: Float[Tensor, "n1 d"], other: Float[Tensor, "n2 d"], /
) -> tuple[Float[Tensor, " d"], float]:
    """The normal of a ridge regression of +1 and -1, and the boundary's place along it."""
    x = torch.cat([one, other])
    t = torch.cat([torch.ones(len(one)), -torch.ones(len(other))]).to(x)
    mean = x.mean(0)
    centred = x - mean
    inner = centred @ centred.T
    held = RIDGE * inner.diagonal().mean().clamp(min=1e-300) * torch.eye(len(x)).to(x)
    way = centred.T @ torch.linalg.solve(inner + held, t - t.mean())
    return way, float(mean @ way - t.mean())


def _tested(concept: str, target: str, climb: Tensor, ways: Ways, tests: int) -> ConceptTest:
    own, chance = ((climb @ way.T > 0).double().mean(0) for way in (ways.concept, ways.chance))
    return ConceptTest(
        concept, target, float(own.mean()), float(own.std()), float(chance.mean()),
        float(chance.std()), min(1.0, tests * welch(own, chance)), ways.told_apart,
    )  # fmt: skip


def welch(one: Float[Tensor, " n1"], other: Float[Tensor, " n2"], /) -> float:
    """P of Welch's t-test, two-sided; of two constants 1 if they are equal, else 0."""
    own, others = (float(side.var()) / len(side) for side in (one, other))
    apart = float(one.mean() - other.mean())
    if own + others == 0:
        return float(apart == 0)
    freedom = (own + others) ** 2 / (own**2 / (len(one) - 1) + others**2 / (len(other) - 1))
    return float(2 * student.sf(abs(apart) / math.sqrt(own + others), freedom))


def _number(word: str | int, names: tuple[str, ...]) -> int:
    """A class by its name or number."""
    if str(word) in names:
        return names.index(str(word))
    if str(word).isdecimal() and int(word) < len(names):
        return int(word)
    raise unknown("class", str(word), names)


def _enough(targets: list[int], y: Tensor, names: tuple[str, ...]) -> list[int]:
    for one in targets:
        count = int((y == one).sum())
        if count < LEAST:
            raise UsageError(
                f"there are {count} examples of the class {names[one]!r}; expected at least "
                f"{LEAST}, by more examples"
            )
    return targets
