"""HopSkipJump: the nearest wrong answer by labels alone.

It starts from an input that is wrong already, however far away, and goes back towards the right
one to the boundary between them. There it asks about small random changes: those that come out
wrong point away from the right class, and their mean is nearly the direction of the gradient. It
jumps that way, returns to the boundary, and is nearer than before.

    g = mean_b (phi_b - mean(phi)) u_b,    phi_b = 1 if x_t + delta u_b is wrong, else -1
    jump: x_t + size * direction(g),       size = |x_t - x| / sqrt(t), halved until it is wrong

Shapes: x and the result (b ...), y (b).

Departures: all examples go together, each with its own point and lengths; the search between two
points halves the way as often as the paper's theta asks. An example that the model gets wrong
already, or for which none of the random inputs was wrong, is returned unchanged.

References:
    Jianbo Chen, Michael Jordan, Martin Wainwright. HopSkipJumpAttack: a query-efficient
    decision-based attack. IEEE Symposium on Security and Privacy 2020.
    https://arxiv.org/abs/1904.02144

>>> model = torch.nn.Linear(2, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
>>> x = torch.tensor([[0.7, 0.5]])  # 0.1414 from the boundary
>>> found = hop_skip_jump(model, x, torch.tensor([0]), queries=500, bounds=(0.0, 1.0))
>>> (found - x).norm() < 0.145
tensor(True)
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.inputs import check_takes, with_gradients
from cartograd.frontier.security.asked import Asked, Searched
from cartograd.frontier.security.ball import Norm, check, direction, each, sizes
from cartograd.frontier.security.found import Nearest
from cartograd.frontier.security.gain import valid

CARD = Card(
    name="hop-skip-jump",
    kind="attack",
    entry="hop_skip_jump",
    nodes=("attack/query",),
    title="HopSkipJump attack",
    zh="HopSkipJump 决策攻击",
    paper="HopSkipJumpAttack: a query-efficient decision-based attack",
    year=2020,
    url="https://arxiv.org/abs/1904.02144",
    proofs=(
        "law: reads labels alone: a model that tells nothing else is attacked alike, and no "
        "gradient; counts what a model that counts for itself has been asked, and asks no more "
        "than it may; more questions, shorter changes",
        "law: on a linear model nearly as short as the way to the boundary; no shorter than it",
    ),
    tiny={"queries": 120},
)

TRIES = 50
"""Random inputs from which the search may begin."""
DRAWS = 100
"""Changes that are asked about at the first point; sqrt(t) times as many at the t-th."""
SHORTENED = 15
"""How often a jump is halved at most."""
MEMORY = 2**24
"""Numbers of the changes that are held at a time."""


def hop_skip_jump(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    queries: int = 1000,
    norm: Norm = "l2",
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """The nearest inputs found that the model gets wrong.

    Args:
        model: gives logits, of which the largest alone is looked at; its signature has the bounds
            of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        queries: how often the model may be asked about each example.
        norm: what near means: `linf` (the largest change of a number) or `l2`.
        bounds: smallest and largest valid number, for a model whose signature has none.
        seed: of the random inputs and changes.

    Raises:
        UsageError: no bounds, inputs outside of them, classes that the model does not have, or
            an unknown norm.
    """
    return hop_skip_jump_search(
        model, x, y, queries=queries, norm=norm, bounds=bounds, seed=seed
    ).point


def hop_skip_jump_search(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    queries: int = 1000,
    norm: Norm = "l2",
    bounds: tuple[float, float] | None = None,
    seed: int = 0,
) -> Searched:
    """The same, with how often the model was asked about each example."""
    low, high = valid(model, x, y, bounds)
    check_takes(model, x)
    with with_gradients(model):
        x, y = x.detach(), y.to(x.device).long()
        search = _Search(Asked(model, y), x, low, high, check(norm), queries, seed)
        for turn in range(1, queries):
            if not search.hop(turn):
                break
    return Searched(search.nearest.point, search.asked.queries)


class _Search:
    """Where each example's search stands: a wrong point at the boundary, and what may be asked."""

    def __init__(
        self,
        asked: Asked,
        x: Tensor,
        low: Tensor,
        high: Tensor,
        norm: Norm,
        queries: int,
        seed: int,
        /,
    ):
        self.asked, self.x, self.low, self.high, self.allowed = asked, x, low, high, queries
        self.norm: Norm = norm
        # down to the paper's theta, d^(-3/2) for l2 and d^(-2) for linf
        self.halvings = math.ceil((1.5 if norm == "l2" else 2) * math.log2(x[0].numel() + 1))
        self.generator = torch.Generator().manual_seed(seed)
        self.nearest, self.point = Nearest(x, norm), x.clone()
        rows = torch.arange(len(x), device=x.device)
        self.nearest.note(x, rows, asked.wrong(x, rows))
        self._begin()

    def _begin(self) -> None:
        """Random inputs until each is wrong, and back to the boundary."""
        rows = self.nearest.size.isinf().nonzero()[:, 0]
        started = []
        for _ in range(TRIES):
            rows = rows[self.asked.queries[rows] < self.allowed - self.halvings]
            if not len(rows):
                break
            share = torch.rand(self.x[rows].shape, generator=self.generator).to(self.x)
            point = self.low[rows] + share * (self.high[rows] - self.low[rows])
            wrong = self.asked.wrong(point, rows)
            self.point[rows[wrong]] = point[wrong]
            self.nearest.note(point, rows, wrong)
            started.append(rows[wrong])
            rows = rows[~wrong]
        if started:
            self._to_boundary(torch.cat(started))

    def _to_boundary(self, rows: Tensor) -> None:
        """Towards the input, as far as the answer stays wrong."""
        start, end = self.x[rows], self.point[rows]
        least, most = torch.zeros_like(start[:, :1].flatten(1)[:, 0]), sizes(end - start, self.norm)
        whole = most.clamp(min=torch.finfo(most.dtype).tiny)
        for _ in range(self.halvings):
            middle = (least + most) / 2
            if self.norm == "linf":
                reach = each(middle, start)
                point = torch.minimum(torch.maximum(end, start - reach), start + reach)
            else:
                point = start + each(middle / whole, start) * (end - start)
            wrong = self.asked.wrong(point, rows)
            self.nearest.note(point, rows, wrong)
            self.point[rows] = torch.where(each(wrong, point), point, self.point[rows])
            least, most = torch.where(wrong, least, middle), torch.where(wrong, middle, most)

    def hop(self, turn: int, /) -> bool:
        """One estimate and one jump, of the examples that may still be asked about."""
        left = self.allowed - self.asked.queries - self.halvings - SHORTENED
        able = self.nearest.size.isfinite() & (self.nearest.size > 0)
        rows = (able & (left >= 2)).nonzero()[:, 0]
        if not len(rows):
            return False
        draws = min(round(DRAWS * math.sqrt(turn)), int(left[rows].min()))
        portion = max(1, MEMORY // (draws * self.x[0].numel()))
        parts = [self._estimated(some, turn, draws) for some in rows.split(portion)]
        ahead = direction(torch.cat(parts), self.norm)
        point, start = self.point[rows], self.x[rows]
        size = sizes(point - start, self.norm) / math.sqrt(turn)
        trying = torch.arange(len(rows), device=rows.device)
        for _ in range(SHORTENED):
            jumped = point[trying] + each(size[trying], point) * ahead[trying]
            jumped = self._inside(jumped, rows[trying])
            wrong = self.asked.wrong(jumped, rows[trying])
            self.point[rows[trying[wrong]]] = jumped[wrong]
            size[trying] /= 2
            trying = trying[~wrong]
            if not len(trying):
                break
        self._to_boundary(rows)
        return True

    def _estimated(self, rows: Tensor, turn: int, draws: int) -> Tensor:
        """Nearly the direction in which the right class loses, at the boundary."""
        point = self.point[rows]
        if turn == 1:
            length = 0.1 * (self.high - self.low)[rows].flatten(1).amax(1)
        else:
            length = sizes(point - self.x[rows], self.norm) / point[0].numel()
        length = each(length, point)
        drawn = torch.randn((draws, *point.shape), generator=self.generator).to(point)
        drawn = drawn * (self.high > self.low)[rows]
        shape = (draws, *length.shape)
        unit = drawn / drawn.flatten(2).norm(dim=2).reshape(shape).clamp(min=1e-12)
        moved = self._inside(point + length * unit, rows)
        wrong = self.asked.wrong(moved.flatten(0, 1), rows.repeat(draws)).reshape(shape)
        sign = wrong.to(point) * 2 - 1
        mean = sign.mean(0)
        weight = torch.where(mean.abs() < 1, sign - mean, sign)
        return (weight * (moved - point)).mean(0)

    def _inside(self, point: Tensor, rows: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(point, self.low[rows]), self.high[rows])
