"""PGD: many small steps up the loss, each pulled back into the ball around the input.

Each step follows the gradient, as FGSM does, but only a little way; then the point is projected
back to within eps of the input and to valid values. It is the strongest attack that uses the
gradient only, so robustness is measured by it.

    x_(t+1) = clip(P(x_t + step_size * direction(dL/dx)))
    linf: direction(g) = sign(g),   P clips each number to within eps of x
    l2:   direction(g) = g / |g|,   P shortens x_t - x to length eps

Shapes: x and the result (b ...), y (b).

Departures: the best point is kept, not the last: a wrong answer is final (that example costs
nothing from then on), and otherwise the point of the highest loss counts. So more steps or
starts never help the model. An example that the model gets wrong already is returned unchanged.
L is the log-odds against y, whose gradient has the direction of the cross-entropy's and does not
vanish where the model is sure. The units are those of the input port (pixels, not standardised
ones); the features of a table are treated as free numbers, also those that stand for categories.

References:
    Aleksander Madry, Aleksandar Makelov, Ludwig Schmidt, Dimitris Tsipras, Adrian Vladu. Towards
    deep learning models resistant to adversarial attacks. ICLR 2018.
    https://arxiv.org/abs/1706.06083

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x, y = torch.tensor([[0.7, 0.5], [0.9, 0.1]]), torch.tensor([0, 0])
>>> pgd(model, x, y, eps=0.25, step_size=0.125, restarts=0, bounds=(0.0, 1.0))
tensor([[0.5750, 0.6250],
        [0.6500, 0.3500]])
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.frontier.inputs import looking, rows_at_once
from cartograd.frontier.security.ball import Judged, ascent, judge, valid

CARD = Card(
    name="pgd",
    kind="attack",
    entry="pgd",
    nodes=("attack/pgd",),
    title="Projected gradient descent",
    zh="投影梯度下降攻击",
    paper="Towards deep learning models resistant to adversarial attacks",
    year=2018,
    url="https://arxiv.org/abs/1706.06083",
    proofs=(
        "oracle: foolbox's LinfPGD and L2PGD from the same start, step by step, to 1e-10 in "
        "float64",
        "law: within eps and within the bounds; eps=0 changes nothing; robust accuracy does not "
        "rise with eps, steps or starts; one step is FGSM",
    ),
    evidence={"attack/pgd": ("test_at_least_as_strong_as_fgsm", "test_foolbox_step_by_step")},
    tiny={"steps": 2},
    renamed={"step": "step_size", "starts": "restarts"},
)

Norm = Literal["linf", "l2"]


def pgd(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    step_size: float | None = None,
    steps: int = 10,
    norm: Norm = "linf",
    restarts: int = 1,
    targeted: bool = False,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """Inputs within eps of x that the model gets wrong, or comes nearest to getting wrong.

    The model is left as it is: its modes, its gradients, its requires_grad flags.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes, or the wanted ones if `targeted`.
        eps: radius of the ball, in the units of x.
        step_size: length of a step; by default 2.5 eps / steps, enough to cross the ball.
        steps: steps from each start.
        norm: `linf` (each number moves by at most eps) or `l2` (the whole change is at most eps).
        restarts: random points to start from; 0 starts once, from x itself.
        targeted: reach the classes y instead of leaving them.
        bounds: smallest and largest valid number, for a model whose signature has none.
        seed: of the random starts.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm.
    """
    if norm not in ("linf", "l2"):
        raise unknown("norm", norm, ("linf", "l2"))
    low, high = valid(model, x, y, bounds)
    length = 2.5 * eps / steps if step_size is None else step_size
    generator = torch.Generator().manual_seed(seed)
    with looking(model, x):
        x, y = x.detach(), y.to(x.device).long()
        best = _Best(x)

        def project(point: Tensor, centre: Tensor) -> Tensor:
            return (centre + _into_ball(point - centre, eps, norm)).clamp(low, high)

        def look(point: Tensor, own: Tensor) -> tuple[Tensor, Judged]:
            return ascent(model, point, own, targeted=targeted)

        def move(point: Tensor, gradient: Tensor, centre: Tensor) -> Tensor:
            return project(point + length * _direction(gradient, norm), centre)

        if restarts:
            for rows in best.unfooled():
                best.note(x[rows], rows, judge(model, x[rows], y[rows], targeted=targeted))
        for _ in range(max(1, restarts)):
            begin = project(x + _noise(x, eps, norm, generator), x) if restarts else x
            for rows in best.unfooled():
                point, rows = _climb(best, begin[rows], x[rows], y[rows], rows, steps, look, move)
                if len(rows):
                    best.note(point, rows, judge(model, point, y[rows], targeted=targeted))
    return best.point


def _climb(
    best: "_Best",
    point: Tensor,
    centre: Tensor,
    y: Tensor,
    rows: Tensor,
    steps: int,
    look: Callable[[Tensor, Tensor], tuple[Tensor, Judged]],
    move: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Where the steps lead those examples that none of them fools, and the numbers of these."""
    for _ in range(steps):
        gradient, judged = look(point, y)
        best.note(point, rows, judged)
        if judged.fooled.any():
            left = (~judged.fooled).nonzero()[:, 0]
            point, centre, gradient = point[left], centre[left], gradient[left]
            y, rows = y[left], rows[left]
            if not len(rows):
                break
        point = move(point, gradient, centre)
    return point, rows


class _Best:
    """The best point of each example so far."""

    def __init__(self, x: Tensor, /):
        self.point = x.clone()
        self.gain = x.new_full((len(x),), -torch.inf)
        self.fooled = torch.zeros(len(x), dtype=torch.bool, device=x.device)

    def note(self, point: Tensor, rows: Tensor, judged: Judged) -> None:
        """Keep what is better: a point that fools the model, or else one of a higher gain."""
        better = (judged.fooled | (judged.gain > self.gain[rows])).nonzero()[:, 0]
        self.point[rows[better]] = point[better]
        self.gain[rows[better]] = judged.gain[better].to(self.gain)
        self.fooled[rows] = judged.fooled

    def unfooled(self) -> tuple[Tensor, ...]:
        """Numbers of the examples that still get their right answer, in handy portions."""
        left = (~self.fooled).nonzero()[:, 0]
        return left.split(rows_at_once(self.point)) if len(left) else ()


def _direction(gradient: Tensor, norm: Norm) -> Tensor:
    """The change of unit size that the gradient favours most."""
    if norm == "linf":
        return gradient.sign()
    return gradient / _length(gradient).clamp(min=torch.finfo(gradient.dtype).tiny)


def _into_ball(change: Tensor, eps: float, norm: Norm) -> Tensor:
    """The nearest change of size eps at most."""
    if norm == "linf":
        return change.clamp(-eps, eps)
    return change * (eps / _length(change).clamp(min=eps or 1.0))


def _noise(x: Tensor, eps: float, norm: Norm, generator: torch.Generator) -> Tensor:
    """Changes drawn uniformly from the ball; on the processor, to be the same on any device."""
    if norm == "linf":
        noise = torch.rand(x.shape, generator=generator) * 2 - 1
    else:
        noise = torch.randn(x.shape, generator=generator)
        share = torch.rand(len(x), generator=generator) ** (1 / x[0].numel())
        noise *= share.reshape(-1, *[1] * (x.ndim - 1)) / _length(noise)
    return eps * noise.to(x)


def _length(change: Tensor) -> Tensor:
    """The Euclidean length of each example's change."""
    lengths = change.flatten(1).norm(dim=1)
    return lengths.reshape(-1, *[1] * (change.ndim - 1))
