"""FAB: the nearest wrong answer by walking along the boundary.

Near a point the boundary to another class is a plane. The walk steps onto that plane, and a little
beyond it, from where it stands and from the input, and mixes both, so that it stays near the
input. Once an answer is wrong it goes back towards the input by a tenth. The nearest point of a
plane within the bounds is found exactly, for either norm, by sorting.

    x_(k+1) = (1 - a) (x_k + 1.05 d_k) + a (x + 1.05 d),    a = min(|d_k| / (|d_k| + |d|), 0.1)
    d_k, d: the shortest ways from x_k and from x onto {z: f(x_k) + f'(x_k) (z - x_k) = 0},
    f = z_t - z_y

Shapes: x and the result (b ...), y (b).

Departures: targeted, as in AutoAttack: one walk towards each of the nine likeliest classes. The
search between x and what was found halves the way, and there are no random starts. An example that
the model gets wrong already, or that no change was found for, is returned unchanged.

References:
    Francesco Croce, Matthias Hein. Minimally distorted adversarial examples with a fast adaptive
    boundary attack. ICML 2020. https://arxiv.org/abs/1907.02044

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x = torch.tensor([[0.7, 0.5]])  # each number 0.1 from the boundary
>>> (fab(model, x, torch.tensor([0]), bounds=(0.0, 1.0)) - x).abs().max() < 0.102
tensor(True)
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import chosen, looking
from cartograd.frontier.security.ball import Norm, check, each, sizes
from cartograd.frontier.security.found import Nearest
from cartograd.frontier.security.gain import ascent, judge, rivals, valid

CARD = Card(
    name="fab",
    kind="attack",
    entry="fab",
    nodes=("attack/cw",),
    title="Fast adaptive boundary attack",
    zh="快速自适应边界攻击",
    paper="Minimally distorted adversarial examples with a fast adaptive boundary attack",
    year=2020,
    url="https://arxiv.org/abs/1907.02044",
    proofs=(
        "oracle: scipy's linear and quadratic programs for the nearest point of a plane within "
        "the bounds, to 1e-6",
        "law: on a linear model the change is as long as the way to the boundary, to 2 %; as many "
        "digits fall within its median as by APGD",
    ),
    tiny={"steps": 5},
)

RIVALS = 9
BEYOND, MIXED, BACK = 1.05, 0.1, 0.9
"""Eta, alpha's maximum and beta of the paper."""
HALVINGS = 5


def fab(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    steps: int = 100,
    norm: Norm = "linf",
    bounds: tuple[float, float] | None = None,
) -> Float[Tensor, "b ..."]:
    """The nearest inputs found that the model gets wrong.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        steps: steps of the walk towards each class.
        norm: what near means: `linf` (the largest change of a number) or `l2`.
        bounds: smallest and largest valid number, for a model whose signature has none.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm.
    """
    low, high = valid(model, x, y, bounds)
    with looking(model, x):
        x, y = x.detach(), y.to(x.device).long()
        nearest = Nearest(x, check(norm))
        for rows in nearest.left():
            nearest.note(x[rows], rows, judge(model, x[rows], y[rows]).fooled)
        for rows in nearest.left():
            ends = low[rows], high[rows]
            for goal in rivals(model, x[rows], y[rows])[:, :RIVALS].unbind(1):
                _walk(nearest, model, rows, y[rows], goal, ends, steps)
        for rows in nearest.left():
            _halve(nearest, model, rows, y[rows])
    return nearest.point


def _walk(
    nearest: Nearest,
    model: nn.Module,
    rows: Tensor,
    y: Tensor,
    goal: Tensor,
    ends: tuple[Tensor, Tensor],
    steps: int,
) -> None:
    """Towards one class each."""
    norm, start = nearest.norm, nearest.x[rows]
    point = start

    def ahead(outputs: Tensor, own: Tensor) -> Tensor:
        return chosen(outputs, goal) - chosen(outputs, own)

    for _ in range(steps):
        gradient, judged = ascent(model, point, y, by=ahead)
        needed = -judged.gain
        here = onto(gradient, needed, point, ends, norm)
        passed = (gradient * (point - start)).flatten(1).sum(1)
        there = onto(gradient, needed + passed, start, ends, norm)
        near, far = sizes(here, norm), sizes(there, norm)
        mixed = each((near / (near + far).clamp(min=1e-12)).clamp(max=MIXED), point)
        point = (1 - mixed) * (point + BEYOND * here) + mixed * (start + BEYOND * there)
        point = torch.minimum(torch.maximum(point, ends[0]), ends[1])
        fooled = judge(model, point, y).fooled
        nearest.note(point, rows, fooled)
        point = torch.where(each(fooled, point), start + BACK * (point - start), point)


def _halve(nearest: Nearest, model: nn.Module, rows: Tensor, y: Tensor) -> None:
    """Between the inputs and what was found for them."""
    least, most = torch.zeros_like(nearest.size[rows]), torch.ones_like(nearest.size[rows])
    start, end = nearest.x[rows], nearest.point[rows]
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        point = start + each(middle, start) * (end - start)
        fooled = judge(model, point, y).fooled
        nearest.note(point, rows, fooled)
        least, most = torch.where(fooled, least, middle), torch.where(fooled, middle, most)


def onto(
    normal: Float[Tensor, "b ..."],
    needed: Float[Tensor, " b"],
    x: Float[Tensor, "b ..."],
    ends: tuple[Tensor, Tensor],
    norm: Norm,
    /,
) -> Float[Tensor, "b ..."]:
    """The smallest changes d with normal * d = needed that keep x within its ends.

    Each number moves by min(t c, room), with c = 1 for linf and |normal| for l2: what that gains
    grows with t piece by piece, so the t that is needed is found by sorting where the pieces end.
    Where all the room is too little, all of it is taken.
    """
    weight = normal.abs().flatten(1)
    way = normal.sign() * each(needed.sign(), normal)
    room = torch.where(way > 0, ends[1] - x, x - ends[0]).clamp(min=0).flatten(1)
    speed = weight if norm == "l2" else (weight > 0).to(weight)
    end = torch.where(weight > 0, room / speed.clamp(min=torch.finfo(weight.dtype).tiny), 0.0)
    end, order = end.sort(1)
    full = (weight * room).gather(1, order).cumsum(1)
    pace = (weight * speed).gather(1, order)
    later = pace.flip(1).cumsum(1).flip(1)  # of this piece and all after it
    gained = full + end * (later - pace)
    piece = (gained < needed.abs()[:, None]).sum(1)
    last = piece.clamp(max=end.shape[1] - 1)[:, None]
    before = torch.where(piece > 0, full.gather(1, (last - 1).clamp(min=0))[:, 0], 0.0)
    tiny = torch.finfo(weight.dtype).tiny
    time = (needed.abs() - before) / later.gather(1, last)[:, 0].clamp(min=tiny)
    time = torch.where(piece < end.shape[1], time, end[:, -1]).clamp(max=end[:, -1])
    change = torch.minimum(time[:, None] * speed, room).reshape(x.shape)
    return way * change
