"""Carlini and Wagner's attack: the shortest change that turns an answer, as a loss to lower.

The length of the change and the margin by which the right class still wins are added up, and Adam
lowers the sum. How much the margin counts is found for each example by halving an interval: the
less it counts, the shorter the change, down to where none is found. The numbers are written as a
hyperbolic tangent, so that every step stays within the bounds. The last searches begin beside the
input and not at it: from there Adam, whose first steps move all numbers alike, takes other ways.

    min_w |z - x|^2 + c max(z_y - max_(i != y) z_i + confidence, 0),    z = mid + half * tanh(w)

Shapes: x and the result (b ...), y (b).

Departures: after the paper's searches come some from random points, by steps that shrink to none,
which go on halving (`restarts=0` leaves them out). An example that the model gets wrong already, or
that no change was found for, is returned unchanged. A search does not end early where its loss
stands still. A wrong class has to win by more than the last bits of the logits, so that it does in
a batch of another size, too.

Measured: of 100 pictures that a LeNet-5 knows (Fashion-MNIST) changes were 0.696 long by six of
the paper's searches of 200 steps, 0.673 by four and three restarts of 100, in 0.6 of the time.

References:
    Nicholas Carlini, David Wagner. Towards evaluating the robustness of neural networks. IEEE
    Symposium on Security and Privacy 2017. https://arxiv.org/abs/1608.04644

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x = torch.tensor([[0.7, 0.5]])  # 0.1414 from the boundary
>>> (cw(model, x, torch.tensor([0]), bounds=(0.0, 1.0)) - x).norm() < 0.143
tensor(True)
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.found import Nearest
from cartograd.frontier.security.gain import judge, logits, margin, valid

CARD = Card(
    name="cw",
    kind="attack",
    entry="cw",
    nodes=("attack/cw",),
    title="Carlini and Wagner's attack (L2)",
    zh="C&W 攻击（L2）",
    paper="Towards evaluating the robustness of neural networks",
    year=2017,
    url="https://arxiv.org/abs/1608.04644",
    proofs=(
        "oracle: foolbox.attacks.L2CarliniWagnerAttack without its early stop, to 1e-6 in float64, "
        "by the searches that begin at the input",
        "law: every digit falls, by a change whose median is at most half as long as the radius at "
        "which PGD makes 98 of 100 fall; nine of ten changes are shorter than PGD's; restarts make "
        "no change longer, and most of them shorter",
    ),
    tiny={"steps": 10, "searches": 3, "restarts": 1},
    evidence={"attack/cw": ("test_shorter_than_the_ball_of_pgd", "test_cw_of_foolbox")},
)

FIRST = 2.0**-4
"""How much the margin counts at first; ten times as much while nothing is found."""

BESIDE, INSIDE = 0.5, 0.99
"""How far from the input restarts begin, as a deviation of the tangent, and the share of the way to
the bounds beyond which they take no number: at a bound the tangent is flat."""


def cw(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    steps: int = 200,
    searches: int = 6,
    restarts: int = 3,
    lr: float = 0.05,
    confidence: float = 0.0,
    targeted: bool = False,
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """The nearest inputs found that the model gets wrong, by the Euclidean distance.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes, or the wanted ones if `targeted`.
        steps: Adam's steps in each search.
        searches: values that are tried for how much the margin counts, each from the input.
        restarts: values that are tried after these, each from a random point beside the input.
        lr: Adam's step, in the space of the tangent.
        confidence: by how much a wrong class has to win, in logits.
        targeted: reach the classes y instead of leaving them.
        bounds: smallest and largest valid number, for a model whose signature has none.
        seed: of the random points.

    Raises:
        UsageError: no bounds, inputs outside of them, or classes that the model does not have.
    """
    low, high = valid(model, x, y, bounds)
    with looking(model, x):
        x, y = x.detach(), y.to(x.device).long()
        nearest, generator = Nearest(x, "l2"), torch.Generator().manual_seed(seed)
        for rows in nearest.left():
            nearest.note(x[rows], rows, judge(model, x[rows], y[rows], targeted=targeted).fooled)
        sign = -1.0 if targeted else 1.0
        for rows in nearest.left():
            own, tangent = y[rows], _Tangent(x[rows], low[rows], high[rows])

            def ahead(point: Tensor, own: Tensor = own) -> Tensor:
                outputs = logits(model, point)
                last_bits = 32 * torch.finfo(outputs.dtype).eps * outputs.detach().abs().amax(1)
                return sign * margin(outputs, own) - confidence - last_bits

            counts = x.new_full((len(rows),), FIRST)
            least, most = torch.zeros_like(counts), torch.full_like(counts, torch.inf)
            for search in range(searches + restarts):
                start = tangent.start if search < searches else tangent.beside(generator)
                falls = search >= searches
                fooled = _search(nearest, rows, tangent, start, ahead, counts, steps, lr, falls)
                most = torch.where(fooled, counts, most)
                least = torch.where(fooled, least, counts)
                counts = torch.where(most.isinf(), 10 * counts, (least + most) / 2)
    return nearest.point


class _Tangent:
    """Inputs as numbers without bounds."""

    def __init__(self, x: Tensor, low: Tensor, high: Tensor, /):
        self.middle, self.half = (low + high) / 2, (high - low) / 2
        share = (x - self.middle) / torch.where(self.half > 0, self.half, 1.0)
        self.share, self.start = share, (0.999999 * share).atanh()

    def points(self, tangent: Tensor, /) -> Tensor:
        return self.middle + self.half * tangent.tanh()

    def beside(self, generator: torch.Generator, /) -> Tensor:
        """A random start; drawn on the processor, so that it is the same on any device."""
        drawn = torch.randn(self.share.shape, generator=generator).to(self.share)
        return (INSIDE * self.share).atanh() + BESIDE * drawn


def _search(
    nearest: Nearest,
    rows: Tensor,
    tangent: _Tangent,
    start: Tensor,
    ahead: Callable[[Tensor], Tensor],
    counts: Tensor,
    steps: int,
    lr: float,
    falls: bool,
) -> Tensor:
    """One run of Adam, at a rate that may fall to none; which examples it fooled."""
    change = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.Adam([change], lr=lr)
    centre = tangent.points(tangent.start)
    fooled = torch.zeros(len(rows), dtype=torch.bool, device=centre.device)
    for step in range(steps):
        if falls:
            optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        point = tangent.points(start + change)
        by = ahead(point)
        length = (point - centre).square().flatten(1).sum(1)
        loss = (length + counts * (-by).clamp(min=0)).sum()
        (change.grad,) = torch.autograd.grad(loss, change)
        optimizer.step()
        now = by.detach() > 0
        fooled |= now
        nearest.note(point.detach(), rows, now)
    return fooled
