r"""One new token of each of a few rows through a LLaMA, compiled but for its products.

Beside its products a layer is norms, rotations, attention to what is kept and a gate: thirty layers
of some twenty calls of torch, each of which takes longer than its work. Here they are four calls of
a file of C (`few_tokens.c`), where a compiler is there and what it makes is right (`c_library`).

    x <- x + more,  h = w x / sqrt(mean x^2 + eps);   softmax(q k^T / sqrt d) v;   silu(g) u

Rows may begin with padding. Keys and values are in float32, in one piece or in pages, which are
read where they lie.

Shapes: features `n d`; keys and values `b h s d`.

References:
    Reiner Pope et al. Efficiently scaling transformer inference. 2022, MLSys 2023.
    https://arxiv.org/abs/2211.05102
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor

from cartograd.architectures.transformer.cache import Cache
from cartograd.architectures.transformer.paged import check_room
from cartograd.core.inference import SeveralRows, SingleRow
from cartograd.core.kernels import Choice
from cartograd.engine.device.c_library import c_library

SOURCE = Path(__file__).with_name("few_tokens.c")

Into = Callable[[Tensor, Tensor], object]
"""Writes the product of its first argument into its second."""

MEMORY = "x", "more", "hidden", "joint", "answer", "scores", "gates", "gated", "turns", "starts"

SIZES = (1, 9, 3, 64, 40), (3, 4, 4, 6, 9), (2, 6, 2, 16, 3)
"""Rows, heads, groups, widths and tokens before of the layers that prove it."""


class _Step(ctypes.Structure):
    _fields_ = (
        *((n, ctypes.c_int64) for n in ("rows", "dim", "heads", "groups", "width", "inner")),
        *((n, ctypes.c_int64) for n in ("row", "head", "token")),
        ("eps", ctypes.c_double),
        *((n, ctypes.c_void_p) for n in MEMORY[:6]),
        ("room", ctypes.c_int64),
        *((n, ctypes.c_void_p) for n in (*MEMORY[6:], "slots")),
        ("places", ctypes.c_int64),
    )


class FewTokens:
    """Reads one token of each row at a time; it belongs to one decoder, as its memory does.

    Args:
        layers: of each layer the first norm, the joint product of queries, keys and values, that of
            the output, the second norm, the joint product of gate and up, that of down.
        last: the norm behind all layers.
        heads, groups, width: heads of queries, those of keys, and the features of one.
        eps: added under the root of the norms.
    """

    def __init__(
        self, layers: Sequence[tuple[Any, ...]], last: Float[Tensor, " d"], heads: int, groups: int,
        width: int, eps: float, /,
    ):  # fmt: skip
        self.layers, self.last = layers, last.contiguous()
        self.sizes, self.eps = (heads, groups, width), eps
        self.norms = [(layer[0].contiguous(), layer[3].contiguous()) for layer in layers]
        self.calls, self.rows, self.room = list[tuple[Any, ...]](), 0, 0

    def __call__(
        self, x: Float[Tensor, "n d"], turns: Complex[Tensor, "n2 d2"], cache: Cache, /
    ) -> Float[Tensor, "n d"]:
        """The features behind all layers, after the last norm; in memory that is used again.

        Args:
            x: the embeddings of the tokens.
            turns: the rotations of their positions; one for all, or one each.
            cache: has room for them; see `takes`.
        """
        if (len(x), cache.capacity) != (self.rows, self.room):
            self._prepare(x, cache.capacity)
        library, step, place = _library(), self.step, cache.length
        self.x.copy_(x)
        self.turns.copy_(torch.view_as_real(turns).flatten(1))
        if cache.starts is None:
            self.starts.zero_()
        else:
            self.starts.copy_(cache.starts)
        kept = self._places(cache, place + 1)
        at, threads, add = ctypes.addressof(step), torch.get_num_threads(), 0
        normed, attend, gate = library.normed, library.attend, library.gate
        for own, (norm1, inward, outward, norm2, wide, down) in zip(kept, self.calls, strict=True):
            normed(at, norm1, add)
            inward(self.hidden, self.joint)
            attend(at, own, place, threads)
            outward(self.answer, self.more)
            normed(at, norm2, 1)
            wide(self.hidden, self.gates)
            gate(at)
            down(self.gated, self.more)
            add = 1
        normed(at, self.last.data_ptr(), 1)
        for layer in cache.layers:
            layer.length = place + 1
        return self.hidden

    def _places(self, cache: Cache, end: int) -> list[int]:
        """Where each layer keeps keys and values, with room for one more; the step knows how."""
        step, paged = self.step, cache.paged
        if paged is None:
            check_room(end, cache.capacity)
            apart, step.row, step.head, step.token, _ = cache.all.stride()
            step.slots, step.places, first = None, 0, cache.all.data_ptr()
            return [first + 4 * number * apart for number in range(len(cache.all))]
        paged.reach(end)
        kept = paged.pages.kept
        (step.token, step.head, _), step.row = kept[0].stride(), 0
        self.slots = paged.slots.contiguous()
        step.slots, step.places = self.slots.data_ptr(), self.slots.shape[1]
        return [one.data_ptr() for one in kept]

    def _prepare(self, x: Tensor, room: int) -> None:
        """Memory for so many rows and tokens."""
        n, dim, (heads, groups, width) = *x.shape, self.sizes
        inner = self.layers[0][4](x).shape[1] // 2
        shapes = {
            "x": (dim,), "more": (dim,), "hidden": (dim,), "joint": ((heads + 2 * groups) * width,),
            "answer": (heads * width,), "scores": (heads * room,), "gates": (2 * inner,),
            "gated": (inner,), "turns": (width,),
        }  # fmt: skip
        memory = {name: x.new_zeros(n, *shape) for name, shape in shapes.items()}
        memory["starts"] = torch.zeros(n, dtype=torch.int64)
        self.memory, self.rows, self.room = memory, n, room
        self.x, self.more, self.hidden, self.joint, self.answer, _, self.gates, *rest = (
            memory[name] for name in MEMORY
        )
        self.gated, self.turns, self.starts = rest
        self.step = _Step(
            rows=n, dim=dim, heads=heads, groups=groups, width=width, inner=inner, eps=self.eps,
            room=room, **{name: part.data_ptr() for name, part in memory.items()},
        )  # fmt: skip
        self.calls = [
            (norm1.data_ptr(), *(into(part, n) for part in layer[1:3]), norm2.data_ptr(),
             *(into(part, n) for part in layer[4:]))
            for layer, (norm1, norm2) in zip(self.layers, self.norms, strict=True)
        ]  # fmt: skip


def takes(cache: Cache, /) -> bool:
    """Whether keys and values are kept as this reads them."""
    if cache.paged is not None:
        pages = cache.paged.pages
        return not pages.steps and pages.kept[0].dtype == torch.float32 and pages.kept[0].is_cpu
    plain = cache.scale is None and cache.all.dtype == torch.float32
    return plain and cache.all.is_cpu and cache.all.stride()[3:] == (cache.all.shape[4], 1)


def into(product: Callable[[Tensor], Tensor], rows: int, /) -> Into:
    """A product of so many rows that writes its answer where it is told."""
    asked: object = product
    own = asked.several() if isinstance(asked, SeveralRows) else None
    if own is None and rows == 1 and isinstance(asked, SingleRow):
        own = asked.single()
    return (lambda x, y: y.copy_(product(x))) if own is None else own


@cache
def _library() -> Any:
    library = c_library(SOURCE).library
    assert library is not None
    at, number = ctypes.c_void_p, ctypes.c_int64
    library.normed.argtypes = [at, at, ctypes.c_int]
    library.attend.argtypes = [at, at, number, ctypes.c_int]
    library.gate.argtypes = [at]
    for call in (library.normed, library.attend, library.gate):
        call.restype = None
    return library


@cache
def exact() -> bool:
    """Whether the calls are there and give what torch gives, but for rounding."""
    if c_library(SOURCE).library is None:
        return False
    with torch.inference_mode():
        return all(_exact(*sizes) for sizes in SIZES)


def _exact(n: int, heads: int, groups: int, width: int, past: int) -> bool:
    """One layer of random products, on keys and values that are there already; and in pages."""
    draw = torch.Generator().manual_seed(n)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw)

    dim, inner, every = heads * width, 2 * width + 5, heads + 2 * groups
    sizes = ((every * width, dim), (dim, dim), (2 * inner, dim), (dim, inner))
    a, b, c, d = (drawn(*size) / size[1] ** 0.5 for size in sizes)
    norms, x = [1 + drawn(dim) / 9 for _ in range(3)], drawn(n, dim) * 3
    cache, paged = (
        Cache(1, n, groups, past + 2, width, starts=torch.arange(n) * (n > 1)) for _ in range(2)
    )
    cache.all.copy_(drawn(*cache.all.shape))
    cache.layers[0].length = past
    paged.in_pages()
    paged.layers[0].joint(cache.all[0, :, :, :past])
    turns, old = torch.polar(torch.ones(n, width // 2), drawn(n, width // 2)), cache.all[0].clone()
    layer = (norms[0], *(lambda x, w=w: F.linear(x, w) for w in (a, b)), norms[1],
             *(lambda x, w=w: F.linear(x, w) for w in (c, d)))  # fmt: skip
    found, again = (
        FewTokens([layer], norms[2], heads, groups, width, 1e-5)(x, turns, own)
        for own in (cache, paged)
    )
    joint = F.linear(F.rms_norm(x, (dim,), norms[0], 1e-5), a).view(n, every, width)
    pairs = torch.view_as_complex(joint[:, : heads + groups].unflatten(2, (-1, 2)).contiguous())
    spun = torch.view_as_real(pairs * turns[:, None]).flatten(2)
    old[:, :groups, past], old[:, groups:, past] = spun[:, heads:], joint[:, heads + groups :]
    k, v = old[:, :, : past + 1].repeat_interleave(heads // groups, 1).chunk(2, 1)
    q = spun[:, :heads, None]
    y = x + F.linear(F.scaled_dot_product_attention(q, k, v, attn_mask=cache.mask(0)).flatten(1), b)
    gate, up = F.linear(F.rms_norm(y, (dim,), norms[1], 1e-5), c).chunk(2, 1)
    expected = F.rms_norm(y + F.linear(F.silu(gate) * up, d), (dim,), norms[2], 1e-5)
    same = torch.allclose(cache.all[0], old, rtol=1e-5, atol=1e-6)
    same = same and bool((found - again).norm() <= 1e-6 * found.norm())
    return same and bool((found - expected).norm() <= 3e-6 * expected.norm())


def choice() -> Choice:
    """What stands between the products of a token's step on this machine."""
    task, usual, found = "a token's step", "torch's calls", c_library(SOURCE)
    if found.library is None:
        return Choice(task, usual, usual, found.told)
    if not exact():
        return Choice(task, usual, usual, f"{found.told}, and wrong here")
    return Choice(task, "C", usual, f"right but for rounding; {found.told}")
