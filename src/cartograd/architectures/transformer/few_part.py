"""A feed-forward part of a few rows, or the experts that they have chosen (see `few_tokens`).

    y = D (act(g) * u),   [g u] = C x;   of experts sum_(i in top) p_i y_i

An expert's rows are gathered, so that its weights are read once for all of them; those of experts
that no row has chosen are not read.

Shapes: rows `n d`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from cartograd.architectures.transformer.few_tokens_call import library
from cartograd.core.inference import SeveralRows, SingleRow

Into = Callable[[Tensor, Tensor], object]
"""Writes the product of its first argument into its second."""

Product = Callable[[Tensor], Tensor]
"""From rows `n d` to rows `n d2`, in float32."""

GATES = "silu", "gelu-tanh", "clamped", "gelu-tanh, alone"
"""How hidden features are made, in the order of `gate`; the last has no second side."""


@dataclass(frozen=True)
class FewPart:
    """A feed-forward part, or experts.

    Attributes:
        parts: of each the wide product (of gates, and behind them of inputs) and the narrow one.
        inner: hidden size.
        gate: one of `GATES`.
        router: what scores the experts; None where there is a single part.
        k: how many of them work on a row.
        normalised: whether their shares are made to sum to one.
    """

    parts: Sequence[tuple[Product, Product]]
    inner: int
    gate: str = "silu"
    router: Product | None = None
    k: int = 1
    normalised: bool = True


def part_call(part: FewPart, memory: Mapping[str, Tensor], at: int, /) -> Callable[[], None]:
    """What computes a part within a step's memory: from `hidden` to `more`.

    Args:
        part: its products.
        memory: of the step, by name.
        at: where the step lies.
    """
    return _single(part, memory, at) if part.router is None else _mixed(part, memory, at)


def into(product: Product, rows: int, /) -> Into:
    """A product of so many rows that writes its answer where it is told."""
    asked: object = product
    own = asked.several() if isinstance(asked, SeveralRows) else None
    if own is None and rows == 1 and isinstance(asked, SingleRow):
        own = asked.single()
    return (lambda x, y: y.copy_(product(x))) if own is None else own


def _single(part: FewPart, memory: Mapping[str, Tensor], at: int) -> Callable[[], None]:
    hidden, more, gate = memory["hidden"], memory["more"], library().gate
    rows, inner, form = len(hidden), part.inner, GATES.index(part.gate)
    gates, gated = _inner(part, memory, rows)
    wide, down = (into(product, rows) for product in part.parts[0])

    def call() -> None:
        wide(hidden, gates)
        gate(at, rows, inner, form)
        down(gated, more)

    return call


def _mixed(part: FewPart, memory: Mapping[str, Tensor], at: int) -> Callable[[], None]:
    hidden, fits, counts = (memory[name] for name in ("hidden", "fits", "counts"))
    called, rows, inner, form = library(), len(hidden), part.inner, GATES.index(part.gate)
    assert part.router is not None
    router, k, normalised = into(part.router, rows), part.k, int(part.normalised)
    some, one, alone = memory["some"], memory["one"], rows == 1

    @cache
    def views(count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return hidden if alone else some[:count], *_inner(part, memory, count), one[:count]

    @cache
    def ways(number: int, least: int) -> tuple[Into, ...]:
        return tuple(into(product, least) for product in part.parts[number])

    def call() -> None:
        router(hidden, fits)
        called.choose(at, k, normalised)
        first = 0
        for number, count in enumerate(counts.tolist()):
            if not count:
                continue
            own, gates, gated, answers = views(count)
            wide, down = ways(number, min(count, 2))
            if not alone:
                called.collect(at, first, count)
            wide(own, gates)
            called.gate(at, count, inner, form)
            down(gated, answers)
            called.spread(at, first, count)
            first += count

    return call


def _inner(part: FewPart, memory: Mapping[str, Tensor], rows: int) -> tuple[Tensor, Tensor]:
    """Memory of so many rows' gates, and of what they let through, without gaps."""
    sides = 1 if part.gate == GATES[-1] else 2
    gates, gated = memory["gates"].view(-1), memory["gated"].view(-1)
    wide, inner = rows * sides * part.inner, rows * part.inner
    return gates[:wide].view(rows, -1), gated[:inner].view(rows, -1)
