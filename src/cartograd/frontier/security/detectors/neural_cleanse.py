"""Neural Cleanse: the smallest pattern that turns every input into one class, class by class.

Of a clean model each class needs about as large a change. Where a backdoor is, a small patch does
it: its class stands out by a small mask.

    min over m, p   CE(f((1 - m) x + m p), t) + lambda |m|_1
    index(t) = (median - log |m_t|) / (1.4826 median |log |m_s| - median|)
    suspicious: an index above 2, and a mask below half the median one

All classes are looked for together. lambda rises while the pattern succeeds and falls where it
does not, so that the smallest mask that still succeeds is kept.

Shapes: inputs `n ...`; a mask `1 y x` of pictures (one for all channels), else of an input.

Departures: the index is of logarithms of the mask's norm, where the paper has the norms themselves.
Of ten classes clean norms differ by factors, which makes the deviation so large that a mask of a
fifth of any other passes as usual (1.30 there, 3.3 here). Below five classes no class can stand out
of so few, and none is judged. A mask has to be below half the median one, too: where the others
are alike an index says little (two clean networks of three had 3.5 so, with .6 of the median; a
planted patch of 16 pixels had .15 to .25). lambda moves at each step, and p is kept within the
bounds by a sigmoid, as m is.

References:
    Bolun Wang, Yuanshun Yao, Shawn Shan, Huiying Li, Bimal Viswanath, Haitao Zheng, Ben Zhao.
    Neural Cleanse: identifying and mitigating backdoor attacks in neural networks. IEEE S&P 2019.
    https://doi.org/10.1109/SP.2019.00031

>>> [round(one, 1) for one in anomaly([11.6, 63, 80, 95, 110, 130, 150, 170, 190, 215])][0]
4.2
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.studies.hidden import called
from cartograd.frontier.inputs import answers, looking, rows_at_once
from cartograd.frontier.security.detectors.calibrated import CONSISTENT
from cartograd.frontier.security.gain import ascent, valid

CARD = Card(
    name="neural-cleanse",
    kind="study",
    entry="neural_cleanse",
    nodes=("threat/backdoor",),
    title="Neural Cleanse",
    zh="Neural Cleanse 触发器还原",
    paper="Neural Cleanse: identifying and mitigating backdoor attacks in neural networks",
    year=2019,
    url="https://doi.org/10.1109/SP.2019.00031",
    proofs=(
        "law: of a model that one pixel turns to a class the mask of that class is about that "
        "pixel, and the class stands out; a planted set of norms is suspicious by logarithms where "
        "it passes by the norms themselves; few classes are not judged",
    ),
    tiny={"steps": 4},
)

SUSPICIOUS, SMALL = 2.0, 0.5
"""The least index of what stands out, and the most that its mask may be of the median one."""
FEWEST = 5
"""Classes below which none can stand out."""
SUCCEEDS = 0.99
FASTER = 1.1


@dataclass(frozen=True)
class Triggers:
    """The smallest pattern of each class that was found.

    Attributes:
        labels: names of the classes.
        masks: how much of each number is replaced, `k ...`.
        patterns: by what, `k ...`.
        success: share of examples of other classes that it turns to the class.
        index: by how many deviations the logarithm of a mask's norm is below the median; NaN where
            there are too few classes to tell.
    """

    labels: tuple[str, ...]
    masks: Float[Tensor, "k ..."]
    patterns: Float[Tensor, "k ..."]
    success: tuple[float, ...]
    index: tuple[float, ...]

    @property
    def norms(self) -> tuple[float, ...]:
        """How many numbers (pixels) each mask covers, in sum."""
        return tuple(self.masks.flatten(1).sum(1).tolist())

    @property
    def suspects(self) -> tuple[int, ...]:
        """The classes that stand out, by their index and by the size of their mask."""
        norms = self.norms
        most = SMALL * median(norms)
        return tuple(
            k for k, value in enumerate(self.index) if value > SUSPICIOUS and norms[k] < most
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings of the table."""
        return ("class", "mask", "index", "turned")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What the index says."""
        if any(map(math.isnan, self.index)):
            return [("suspicious", f"not judged: of fewer than {FEWEST} classes none stands out")]
        named = ", ".join(self.labels[k] for k in self.suspects)
        none = f"none (no index above {SUSPICIOUS:g} by a mask below {SMALL:g} of the median)"
        return [("suspicious", named or none)]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each class, the smallest mask first."""
        norms = self.norms
        return [
            (self.labels[k], f"{norms[k]:.2f}", f"{self.index[k]:.2f}", f"{self.success[k]:.1%}")
            for k in sorted(range(len(norms)), key=norms.__getitem__)
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        each = zip(self.labels, self.norms, self.index, self.success, strict=True)
        return {
            "classes": [
                {"class": name, "mask": norm, "index": None if index != index else index,
                 "turned": turned}
                for name, norm, index, turned in each
            ],
            "suspicious": [self.labels[k] for k in self.suspects],
        }  # fmt: skip

    def stamped(self, x: Float[Tensor, "n ..."], k: int, /) -> Float[Tensor, "n ..."]:
        """Inputs with the pattern of a class on them."""
        mask, pattern = (part[k].to(x) for part in (self.masks, self.patterns))
        return (1 - mask) * x + mask * pattern


def neural_cleanse(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    /,
    *,
    steps: int = 200,
    lr: float = 0.1,
    weight: float = 1e-3,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Triggers:
    """The smallest pattern that turns examples into each class.

    Args:
        model: gives logits; it is left as it is.
        x: clean examples, in the units of the input port.
        y: their classes.
        steps: of the search.
        lr: of the search.
        weight: of the mask's norm at first; it follows the success.
        bounds: smallest and largest valid number, for a model whose signature has none.
        seed: of which examples each step looks at.

    Raises:
        UsageError: the inputs are no real numbers within bounds, or the model is no classifier.
    """
    low, high = valid(model, x, y, bounds)
    ends = float(low.min()), float(high.max())
    with looking(model, x):
        count = answers(model, x[:1]).shape[1]
        if count < 2:
            raise UsageError("the model gives a single logit; expected one for each class")
        ascent(model, x[:1], y[:1].to(x.device).long())  # refuses what has no gradient
        search = _Search(model, x, y.to(x.device), count, ends)
        masks, patterns = search.run(steps, lr, weight, seed)
        turned = search.turned(masks, patterns)
    norms = masks.flatten(1).sum(1).tolist()
    names = called(model, count)
    return Triggers(names, masks.cpu(), patterns.cpu(), tuple(turned), tuple(anomaly(norms)))


class _Search:
    """Masks and patterns of all classes, moved together."""

    def __init__(
        self, model: nn.Module, x: Tensor, y: Tensor, classes: int, ends: tuple[float, float], /
    ):
        self.model, self.x, self.y, self.classes, self.ends = model, x.detach(), y, classes, ends
        self.rows = max(4, rows_at_once(x) // classes)

    def run(self, steps: int, lr: float, weight: float, seed: int, /) -> tuple[Tensor, Tensor]:
        """The smallest masks that succeeded, or the last where none did, and their patterns."""
        generator = torch.Generator().manual_seed(seed)
        shape = self.x.shape[1:]
        one = (1, *shape[1:]) if len(shape) == 3 else tuple(shape)
        raw = [torch.randn(self.classes, *dims, generator=generator) for dims in (one, shape)]
        places = [part.mul(0.1).to(self.x).requires_grad_() for part in raw]
        optimizer = torch.optim.Adam(places, lr=lr, betas=(0.5, 0.9))
        weights = torch.full((self.classes,), weight).to(self.x)
        best = torch.full((self.classes,), torch.inf).to(self.x)
        kept = [part.detach() for part in self._shown(places)]
        for _ in range(steps):
            rows = torch.randperm(len(self.x), generator=generator)[: self.rows]
            masks, patterns = self._shown(places)
            loss, turned = self._judged(masks, patterns, rows)
            norms = masks.flatten(1).sum(1)
            total = (loss + weights * norms).sum()
            for place, slope in zip(places, torch.autograd.grad(total, places), strict=True):
                place.grad = slope
            optimizer.step()
            succeeded = turned >= SUCCEEDS
            better = (succeeded & (norms < best)) | best.isinf()
            best = torch.where(succeeded & better, norms.detach(), best)
            for old, new in zip(kept, (masks, patterns), strict=True):
                old[better] = new.detach()[better]
            weights = torch.where(succeeded, weights * FASTER, weights / FASTER**1.5)
        return kept[0], kept[1]

    def turned(self, masks: Tensor, patterns: Tensor, /) -> list[float]:
        """For each class the share of the examples of others that become it."""
        with torch.no_grad():
            parts = torch.arange(len(self.x)).split(self.rows)
            told = [self._judged(masks, patterns, rows)[1] * len(rows) for rows in parts]
        return (torch.stack(told).sum(0) / len(self.x)).tolist()

    def _shown(self, places: list[Tensor], /) -> tuple[Tensor, Tensor]:
        low, high = self.ends
        return places[0].sigmoid(), low + (high - low) * places[1].sigmoid()

    def _judged(
        self, masks: Tensor, patterns: Tensor, rows: Tensor
    ) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
        """For each class the loss on these examples, and the share that becomes it."""
        x = self.x[rows.to(self.x.device)]
        changed = (1 - masks[:, None]) * x + (masks * patterns)[:, None]
        outputs = answers(self.model, changed.flatten(0, 1)).unflatten(0, (self.classes, len(x)))
        want = torch.arange(self.classes, device=x.device)[:, None].expand(-1, len(x))
        loss = F.cross_entropy(outputs.flatten(0, 1), want.flatten(), reduction="none")
        hit = (outputs.argmax(2) == want).to(x)
        return loss.reshape(want.shape).mean(1), hit.mean(1)


def anomaly(norms: Sequence[float], /) -> list[float]:
    """By how many deviations each logarithm is below the median; NaN of too few."""
    if len(norms) < FEWEST:
        return [math.nan] * len(norms)
    logs = [math.log(max(norm, 1e-12)) for norm in norms]
    middle = median(logs)
    deviation = CONSISTENT * median(abs(one - middle) for one in logs)
    return [(middle - one) / max(deviation, 1e-12) for one in logs]
