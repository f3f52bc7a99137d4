"""What attacks keep on their way: the best point of each example so far."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cartograd.frontier.inputs import rows_at_once
from cartograd.frontier.security.ball import Norm, sizes
from cartograd.frontier.security.gain import Judged


class Best:
    """Within a ball: a point that fools the model, or else the one of the highest gain."""

    def __init__(self, x: Float[Tensor, "b ..."], /):
        self.point = x.clone()
        self.gain = x.new_full((len(x),), -torch.inf)
        self.fooled = torch.zeros(len(x), dtype=torch.bool, device=x.device)

    def note(self, point: Tensor, rows: Int[Tensor, " n"], judged: Judged) -> None:
        """Keep what is better."""
        better = (judged.fooled | (judged.gain > self.gain[rows])).nonzero()[:, 0]
        self.point[rows[better]] = point[better]
        self.gain[rows[better]] = judged.gain[better].to(self.gain)
        self.fooled[rows] = judged.fooled

    def unfooled(self) -> tuple[Int[Tensor, " n"], ...]:
        """Numbers of the examples that still get their right answer, in handy portions."""
        left = (~self.fooled).nonzero()[:, 0]
        return left.split(rows_at_once(self.point)) if len(left) else ()

    def start(self) -> None:
        """Forget the gains, which the next attack counts in another unit."""
        self.gain.fill_(-torch.inf)


class Nearest:
    """At any distance: of the points that fool the model the one nearest to the input."""

    def __init__(self, x: Float[Tensor, "b ..."], norm: Norm, /):
        self.x, self.point = x, x.clone()
        self.norm: Norm = norm
        self.size = x.new_full((len(x),), torch.inf)

    def note(self, point: Tensor, rows: Int[Tensor, " n"], fooled: Bool[Tensor, " n"]) -> None:
        """Keep what is nearer."""
        size = sizes(point - self.x[rows], self.norm)
        nearer = (fooled & (size < self.size[rows])).nonzero()[:, 0]
        self.point[rows[nearer]] = point[nearer]
        self.size[rows[nearer]] = size[nearer]

    def left(self) -> tuple[Int[Tensor, " n"], ...]:
        """Numbers of the examples that are not wrong as they are, in handy portions."""
        rows = (self.size > 0).nonzero()[:, 0]
        return rows.split(rows_at_once(self.x)) if len(rows) else ()
