"""Tables and rows of numbers as they come from the field: noisy, and with holes.

Noise is in standard deviations of each number over the examples; categories and dates stay. A cell
that is missing becomes what the model takes for one: the mean with its indicator, no category. A
cell of another row is as likely as its own, and says nothing.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.apps.report.cells import starts
from cartograd.core.ports import Column, Port

Rows = Float[Tensor, "n ..."]
Change = Callable[[Rows, Port, int, torch.Generator], Rows]

SHARES = (0.05, 0.1, 0.2, 0.4, 0.6)


def noise(x: Rows, port: Port, severity: int, generator: torch.Generator, /) -> Rows:
    """Normal noise of up to two standard deviations."""
    size = (0.1, 0.25, 0.5, 1.0, 2.0)[severity - 1]
    drawn = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    spread = x.std(0) if len(x) > 1 else torch.ones_like(x[0])
    moved = x + size * spread * drawn
    return torch.where(_numeric(x, port), moved, x)


def missing(x: Rows, port: Port, severity: int, generator: torch.Generator, /) -> Rows:
    """Up to three fifths of the cells are not known."""
    flat = x.flatten(1).clone()
    columns = _columns(port, flat.shape[1])
    mean = flat.mean(0)
    for column, at in zip(columns, starts(columns), strict=True):
        gone = torch.rand(len(x), generator=generator) < SHARES[severity - 1]
        span = flat[:, at : at + column.width]
        span[gone] = 0.0 if port.columns else mean[at : at + column.width]
        if column.indicator:
            span[gone, -1] = 1.0
    return flat.reshape(x.shape)


def swapped(x: Rows, port: Port, severity: int, generator: torch.Generator, /) -> Rows:
    """Up to three fifths of the cells are those of other rows."""
    flat = x.flatten(1).clone()
    columns, whole = _columns(port, flat.shape[1]), x.flatten(1)
    for column, at in zip(columns, starts(columns), strict=True):
        wrong = torch.rand(len(x), generator=generator) < SHARES[severity - 1]
        others = torch.randint(len(x), (len(x),), generator=generator)
        span = slice(at, at + column.width)
        flat[wrong, span] = whole[others[wrong], span]
    return flat.reshape(x.shape)


def _columns(port: Port, count: int) -> tuple[Column, ...]:
    return port.columns or tuple(Column(str(i)) for i in range(count))


def _numeric(x: Tensor, port: Port) -> Bool[Tensor, "..."]:
    """Which features are numbers that may be a little off."""
    if not port.columns:
        return torch.ones_like(x[0], dtype=torch.bool)
    found = []
    for column in port.columns:
        found += [column.numeric and at == 0 for at in range(column.width)]
    return torch.tensor(found).reshape(x[0].shape)


KINDS: dict[str, Change] = {"noise": noise, "missing": missing, "swapped": swapped}
