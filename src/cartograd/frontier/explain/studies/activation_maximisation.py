"""Activation maximisation: what a unit would like best to see.

An input is changed by gradient ascent until a unit answers as strongly as it can. Of pictures the
Fourier coefficients are changed, divided by their frequency, so that coarse shapes come as easily
as fine grain, and the picture is shifted a little at each step, so that it does not lean on single
pixels. Beside it stands the example of the data that the unit likes best.

    x = low + (high - low) sigmoid(F^-1(c / |frequency|)),   max over c of  a_n(shift(x))

Shapes: x (n ...); pictures that were found (units ...), one for each unit.

Departures: the best picture on the way is kept, of the unshifted ones, and the second half of the
way is without shifts; features of tables move within the range that the data have.

References:
    Dumitru Erhan, Yoshua Bengio, Aaron Courville, Pascal Vincent. Visualizing higher-layer features
    of a deep network. Technical report 1341, University of Montreal, 2009.
    https://www.researchgate.net/publication/265022827
    Chris Olah, Alexander Mordvintsev, Ludwig Schubert. Feature visualization. Distill 2017.
    https://doi.org/10.23915/distill.00007

>>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
>>> found = activation_maximisation(model, torch.rand(20, 3), torch.zeros(20), steps=50)
>>> bool((found.reached >= found.of_data).all())
True
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.layers import recorded
from cartograd.frontier.explain.studies.hidden import called
from cartograd.frontier.inputs import answers, looking, rows_at_once

CARD = Card(
    name="activation-maximisation",
    kind="study",
    entry="activation_maximisation",
    nodes=("xai/activation-maximisation",),
    title="Activation maximisation",
    zh="激活最大化",
    paper="Visualizing higher-layer features of a deep network",
    year=2009,
    url="https://www.researchgate.net/publication/265022827",
    aliases=("feature-visualization",),
    proofs=(
        "law: of a linear unit it finds the corner of the box that is best, to 1 % of the range",
        "law: of digits at least nine of ten classes and the channels of a convolution answer more "
        "strongly to it than to any example",
    ),
    evidence={
        "xai/activation-maximisation": (
            "test_units_like_it_better_than_any_example",
            "test_every_study_is_drawn_and_told",
        )
    },
    tiny={"steps": 5},
)

SHIFT = 16
"""A picture is shifted by at most one of so many parts of its side, in the first half."""


@dataclass(frozen=True)
class Preferred:
    """What units like best.

    Attributes:
        layer: whose units.
        units: their names.
        found: the input that was found for each.
        nearest: the example that each likes best.
        reached, of_data: how strongly they answer to these.
        target: the class or the value of the example.
    """

    layer: str
    units: tuple[str, ...]
    found: Float[Tensor, "n ..."]
    nearest: Float[Tensor, "n ..."]
    reached: Float[Tensor, " n"]
    of_data: Float[Tensor, " n"]
    target: Shaped[Tensor, "n ..."]

    columns = ("unit", "answers to what was found", "to the best example", "more")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """In a line."""
        more = int((self.reached > self.of_data).sum())
        told = f"{more} of {len(self.units)} answer more strongly than to any example"
        return [("units", f"of {self.layer}: {told}")]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each unit."""
        each = zip(self.units, self.reached.tolist(), self.of_data.tolist(), strict=True)
        return [(n, f"{a:.3g}", f"{b:.3g}", "yes" if a > b else "no") for n, a, b in each]

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures."""
        each = zip(self.units, self.reached.tolist(), self.of_data.tolist(), strict=True)
        units = [{"unit": n, "found": a, "best_example": b} for n, a, b in each]
        return {"layer": self.layer, "units": units}


def activation_maximisation(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    y: Shaped[Tensor, "n ..."],
    /,
    *,
    layer: str | None = None,
    units: tuple[int, ...] | None = None,
    steps: int = 256,
    lr: float = 0.05,
    seed: int = 0,
) -> Preferred:
    """The input that each unit likes best.

    Args:
        model: any module that answers.
        x: examples to compare with, in the units of the input port.
        y: their classes or values.
        layer: whose units; by default the outputs.
        units: which, by number; by default the first sixteen. A channel of a convolution
            answers with its mean over places.
        steps: of the ascent.
        lr: of the ascent, by Adam.
        seed: of where it begins, and of the shifts.

    Raises:
        UsageError: inputs without gradient, a layer or a unit that does not exist.
    """
    with looking(model, x):
        told_by = _units(model, layer)
        with torch.no_grad():
            told = torch.cat([told_by(part) for part in x.split(rows_at_once(x))])
        chosen = units or tuple(range(min(16, told.shape[1])))
        if max(chosen) >= told.shape[1] or min(chosen) < 0:
            raise UsageError(
                f"units={list(chosen)} are not all there; expected 0 to {told.shape[1] - 1}"
            )
        generator = torch.Generator().manual_seed(seed)
        make, free = _painter(model, x, len(chosen), generator)
        optimizer = torch.optim.Adam([free], lr=lr)
        own = torch.arange(len(chosen))
        best = torch.full((len(chosen),), -torch.inf).to(told)
        found = make(free).detach()
        for step in range(steps + 1):
            seen = make(free)
            with torch.no_grad():
                now = told_by(seen)[own, list(chosen)]
                better = now > best
                best = torch.where(better, now, best)
                found[better] = seen.detach()[better]
            if step == steps:
                break
            shifted = _shifted(seen, generator) if 2 * step < steps else seen
            (free.grad,) = torch.autograd.grad(-told_by(shifted)[own, list(chosen)].sum(), free)
            optimizer.step()
    of_data, place = told[:, list(chosen)].max(0)
    names = called(model, told.shape[1])
    labels = tuple(f"channel {one}" if layer else names[one] for one in chosen)
    return Preferred(layer or "outputs", labels, found, x[place], best, of_data, y[place])


def _units(model: nn.Module, layer: str | None) -> Callable[[Tensor], Tensor]:
    """The answers of a layer's units: of channels their mean over places."""
    if layer is None:
        return lambda x: answers(model, x)

    def told(x: Tensor) -> Tensor:
        with recorded(model, layer) as seen:
            answers(model, x)
        if not seen:
            raise UsageError(f"layer {layer} is not called; name one that is")
        return seen[-1].flatten(2).mean(2) if seen[-1].ndim > 2 else seen[-1]

    return told


def _painter(
    model: nn.Module, x: Tensor, count: int, generator: torch.Generator
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """How free numbers become inputs within their bounds, and the numbers to begin with."""
    signature = signature_if_any(model)
    bounds = signature.input.bounds if signature else None
    low, high = (x.amin(0), x.amax(0)) if x.ndim == 2 or bounds is None else bounds
    shape = (count, *x.shape[1:])
    if x.ndim != 4:
        begun = 0.01 * torch.randn(shape, generator=generator, dtype=torch.float64)
        return lambda free: low + (high - low) * free.sigmoid(), begun.to(x).requires_grad_()
    rows, columns = x.shape[2:]
    waves = (
        torch.fft.fftfreq(rows)[:, None].square() + torch.fft.rfftfreq(columns)[None].square()
    ).sqrt()
    scale = (1 / waves.clamp(min=1 / max(rows, columns))).to(x)
    begun = 0.01 * torch.randn(
        (*shape[:2], *waves.shape, 2), generator=generator, dtype=torch.float64
    )

    def painted(free: Tensor) -> Tensor:
        spectrum = torch.view_as_complex(free) * scale
        picture = torch.fft.irfft2(spectrum, s=(rows, columns), norm="ortho")
        return low + (high - low) * picture.sigmoid()

    return painted, begun.to(x).requires_grad_()


def _shifted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures, moved by a few pixels with what leaves coming back on the other side."""
    if x.ndim != 4:
        return x
    most = [side // SHIFT for side in x.shape[2:]]
    by = [int(torch.randint(-one, one + 1, (1,), generator=generator)) for one in most]
    return x.roll(by, (2, 3))
