"""Whether the compiled step between a layer's products gives what torch gives, on this machine.

One layer of random products for each way in which families differ, on keys and values that are
there already, in one piece and in pages; beside the same by torch's calls (`scored_attention`,
`experts`).

Shapes: features `n d`; keys and values `b h s d`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor

from cartograd.architectures.transformer.cache import Cache
from cartograd.architectures.transformer.experts import chosen, clamped, mixed
from cartograd.architectures.transformer.few_part import FewPart, Product
from cartograd.architectures.transformer.few_tokens import FewLayer, FewTokens
from cartograd.architectures.transformer.few_tokens_call import SOURCE
from cartograd.architectures.transformer.scored_attention import scored, visible
from cartograd.core.kernels import Choice
from cartograd.engine.device.c_library import c_library

EPS, DIM = 1e-5, 40


@dataclass(frozen=True)
class Case:
    """A layer that proves it.

    Attributes:
        rows, heads, groups, width, past: sizes, and the tokens before.
        norms: before and after attention, before and after the part.
        both: norms of queries and keys: of each `head`, over `all`, or none.
        turn, window, cap, sinks: as of a `FewLayer` and `FewTokens`.
        gate, experts: of the part.
        centred: whether norms take off the mean.
    """

    rows: int
    heads: int
    groups: int
    width: int
    past: int
    norms: tuple[bool, bool, bool, bool] = (True, False, True, False)
    both: str = ""
    turn: str = "f"
    window: int | None = None
    cap: float | None = None
    sinks: bool = False
    gate: str = "silu"
    experts: int = 1
    centred: bool = False


SANDWICH, BEHIND = (True, True, True, True), (False, True, False, True)
CASES = (
    Case(1, 9, 3, 64, 40),
    Case(3, 4, 4, 6, 9),
    Case(2, 6, 2, 16, 3, both="head"),
    Case(2, 2, 1, 256, 9, SANDWICH, both="head", window=5, cap=1.5, gate="gelu-tanh"),
    Case(1, 4, 2, 80, 6, BEHIND, both="all", turn=""),
    Case(3, 2, 1, 96, 7, sinks=True, window=4, gate="clamped", experts=5),
    Case(1, 2, 2, 128, 7, experts=4),
    Case(2, 3, 3, 24, 5, turn="", gate="gelu-tanh, alone", centred=True),
)

GATES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "silu": lambda gate, up: F.silu(gate) * up,
    "gelu-tanh": lambda gate, up: F.gelu(gate, approximate="tanh") * up,
    "clamped": clamped,
}


@cache
def exact() -> bool:
    """Whether the calls are there and give what torch gives, but for rounding."""
    if c_library(SOURCE).library is None:
        return False
    with torch.inference_mode():
        return all(map(right, CASES))


def right(case: Case, /) -> bool:
    """Whether a layer is right; its keys and values, too."""
    draw = torch.Generator().manual_seed(case.rows)
    x, layer, weights = _drawn(case, draw)
    n, past, width, groups = case.rows, case.past, case.width, case.groups
    own, paged = (
        Cache(1, n, groups, past + 2, width, starts=torch.arange(n) * (n > 1)) for _ in range(2)
    )
    own.all.copy_(torch.randn(own.all.shape, generator=draw))
    own.layers[0].length = past
    paged.in_pages()
    paged.layers[0].joint(own.all[0, :, :, :past])
    old, last = own.all[0].clone(), weights.pop()
    turns = torch.polar(torch.ones(n, width // 2), torch.randn(n, width // 2, generator=draw))
    found, again = (
        FewTokens(
            [layer], last, case.heads, groups, width, EPS, cap=case.cap, centred=case.centred
        )(x, {"f": turns}, kept).clone()
        for kept in (own, paged)
    )
    expected = _expected(case, layer, x, turns, old, own.mask(0))
    expected = _normed(case, expected, last)
    same = torch.allclose(own.all[0], old, rtol=1e-5, atol=1e-6)
    same = same and bool((found - again).norm() <= 1e-6 * found.norm())
    return same and bool((found - expected).norm() <= 3e-6 * expected.norm())


def _drawn(case: Case, draw: torch.Generator) -> tuple[Tensor, FewLayer, list[Tensor]]:
    """Features, a layer, and the norm behind it."""

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw)

    def product(d2: int, d: int) -> Callable[[Tensor], Tensor]:
        return partial(F.linear, weight=drawn(d2, d) / d**0.5, bias=drawn(d2) / 9)

    heads, groups, width = case.heads, case.groups, case.width
    dim, inner = DIM, DIM + 5
    sides = 1 if case.gate.endswith("alone") else 2
    parts = [(product(sides * inner, dim), product(dim, inner)) for _ in range(case.experts)]
    *norms, last = (
        torch.cat([1 + drawn(dim) / 9, drawn(dim)]) if case.centred else 1 + drawn(dim) / 9
        for _ in range(5)
    )
    given = [norm if there else None for norm, there in zip(norms, case.norms, strict=True)]
    several = case.experts > 1
    layer = FewLayer(
        product((heads + 2 * groups) * width, dim), product(dim, heads * width),
        FewPart(
            parts, inner, case.gate, product(case.experts, dim) if several else None,
            2 if several else 1, case.gate != "clamped",
        ),
        (given[0], given[1], given[2], given[3]),
        both=1 + drawn(heads + groups, width) / 9 if case.both else None,
        apart=case.both != "all", sinks=drawn(heads) if case.sinks else None, turn=case.turn,
        window=case.window,
    )  # fmt: skip
    return drawn(case.rows, dim) * 3, layer, [last]


def _expected(
    case: Case, layer: FewLayer, x: Float[Tensor, "n d"], turns: Complex[Tensor, "n d2"],
    kept: Float[Tensor, "n h s d3"], mask: Tensor | None,
) -> Float[Tensor, "n d"]:  # fmt: skip
    """The features behind the layer by torch's calls; new keys and values are written."""
    heads, groups, end = case.heads, case.groups, case.past + 1
    joint = layer.inward(_normed(case, x, layer.norms[0])).unflatten(1, (-1, case.width))
    asked, keys, values = joint.split((heads, groups, groups), 1)
    if layer.both is not None:
        sizes = (case.width,) if layer.apart else None
        asked, keys = (
            F.rms_norm(part, sizes or part.shape[1:], None, EPS) * weight
            for part, weight in zip((asked, keys), layer.both.split((heads, groups)), strict=True)
        )
    both = torch.cat([asked, keys], 1)
    if layer.turn:
        pairs = torch.view_as_complex(both.unflatten(2, (-1, 2)).contiguous())
        both = torch.view_as_real(pairs * turns[:, None]).flatten(2)
    kept[:, :groups, case.past], kept[:, groups:, case.past] = both[:, heads:], values
    k, v = kept[:, :, :end].chunk(2, 1)
    seen = visible(1, end, case.window, x.device)
    y = scored(
        both[:, :heads, None], k, v, seen if mask is None else seen & mask,
        scale=case.width**-0.5, attention_cap=case.cap, sinks=layer.sinks,
    )  # fmt: skip
    x = x + _normed(case, layer.outward(y.flatten(1)), layer.norms[1])
    return x + _normed(case, _part(layer.part, _normed(case, x, layer.norms[2])), layer.norms[3])


def _part(part: FewPart, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    def one(wide: Product, down: Product, x: Tensor) -> Tensor:
        inner = wide(x)
        if part.gate not in GATES:
            return down(F.gelu(inner, approximate="tanh"))
        return down(GATES[part.gate](*inner.chunk(2, 1)))

    made = [partial(one, *products) for products in part.parts]
    if part.router is None:
        return made[0](x)
    shares, which = chosen(part.router(x), part.k, normalised=part.normalised)
    return mixed(x, shares, which, made)


def _normed(case: Case, x: Float[Tensor, "n d"], weight: Tensor | None) -> Float[Tensor, "n d"]:
    if weight is None:
        return x
    if case.centred:
        own, shift = weight.chunk(2)
        return F.layer_norm(x, x.shape[1:], own, shift, EPS)
    return F.rms_norm(x, x.shape[1:], weight, EPS)


def choice() -> Choice:
    """What stands between the products of a token's step on this machine."""
    task, usual, found = "a token's step", "torch's calls", c_library(SOURCE)
    if found.library is None:
        return Choice(task, usual, usual, found.told)
    if not exact():
        return Choice(task, usual, usual, f"{found.told}, and wrong here")
    return Choice(task, "C", usual, f"right but for rounding; {found.told}")
