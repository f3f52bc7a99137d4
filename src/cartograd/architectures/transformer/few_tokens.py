r"""One new token of each of a few rows through a decoder, compiled but for its products.

Beside its products a layer is norms, rotations, attention to what is kept and a gate: thirty layers
of some twenty calls of torch, each of which takes longer than its work. Here they are four calls of
a file of C (`few_tokens.c`), where a compiler is there and what it makes is right (`c_library`,
`few_tokens_proof`).

    x <- x + after(more),  h = before(x);   softmax(bound(q k^T s)) v;   act(g) u

What families differ in (where norms stand, norms of queries and keys, windows, caps, sinks, gates,
experts) is data of a layer (`FewLayer`). Of experts those that a row has chosen are read, each once
for all rows. Rows may begin with padding. Keys and values are in float32, in one piece or in pages,
which are read where they lie.

Shapes: features `n d`; keys and values `b h s d`.

References:
    Reiner Pope et al. Efficiently scaling transformer inference. 2022, MLSys 2023.
    https://arxiv.org/abs/2211.05102
"""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from cartograd.architectures.transformer.cache import Cache
from cartograd.architectures.transformer.few_part import FewPart, Product, into, part_call
from cartograd.architectures.transformer.few_tokens_call import (
    FLOATS,
    NUMBERS,
    Layer,
    Step,
    library,
)
from cartograd.architectures.transformer.paged import check_room


@dataclass(frozen=True)
class FewLayer:
    """A layer's products, and what it differs in from others.

    Attributes:
        inward, outward: the joint product of queries, keys and values, and that of the output.
        part: behind attention.
        norms: before and after attention, before and after the part; None where there is none.
        both: weights of the norms of queries and keys, or None.
        apart: whether each head has such a norm, or all have one.
        sinks: the score that each head may spend on nothing, or None.
        turn: the letter of its rotations, or "" for none.
        window: how far it sees, or None.
    """

    inward: Product
    outward: Product
    part: FewPart
    norms: tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]
    both: Float[Tensor, "h d"] | None = None
    apart: bool = True
    sinks: Float[Tensor, " h"] | None = None
    turn: str = "f"
    window: int | None = None


class FewTokens:
    """Reads one token of each row at a time; it belongs to one decoder, as its memory does.

    Args:
        layers: of the decoder.
        last: the norm behind all layers.
        heads, groups, width: heads of queries, those of keys, and the features of one.
        eps: added under the root of the norms.
        scale: factor on the scores; `width ** -0.5` if not given.
        cap: their bound, or None.
        centred: whether norms take off the mean and add what lies behind their weights.
    """

    def __init__(
        self, layers: Sequence[FewLayer], last: Float[Tensor, " d"], heads: int, groups: int,
        width: int, eps: float, /, *, scale: float | None = None, cap: float | None = None,
        centred: bool = False,
    ):  # fmt: skip
        self.layers, self.last, self.sizes = layers, last.contiguous(), (heads, groups, width)
        self.factors = {
            "eps": eps, "scale": width**-0.5 if scale is None else scale, "cap": cap or 0.0,
            "centred": int(centred),
        }  # fmt: skip
        self.experts = max(len(layer.part.parts) for layer in layers)
        self.letters = sorted({layer.turn for layer in layers} - {""})
        self.calls, self.rows, self.room = list[tuple[Any, ...]](), 0, 0

    def __call__(
        self, x: Float[Tensor, "n d"], turns: Mapping[str, Complex[Tensor, "n2 d2"]], cache: Cache,
        /,
    ) -> Float[Tensor, "n d"]:  # fmt: skip
        """The features behind all layers, after the last norm; in memory that is used again.

        Args:
            x: the embeddings of the tokens.
            turns: by letter the rotations of their positions; one for all, or one each.
            cache: has room for them; see `takes`.
        """
        if (len(x), cache.capacity) != (self.rows, self.room):
            self._prepare(x, cache.capacity)
        place, memory = cache.length, self.memory
        memory["x"].copy_(x)
        for letter in self.letters:
            self.turns[letter].copy_(torch.view_as_real(turns[letter]).flatten(1))
        if cache.starts is None:
            memory["starts"].zero_()
        else:
            memory["starts"].copy_(cache.starts)
        kept = self._places(cache, place + 1)
        at, threads, after, add = ctypes.addressof(self.step), torch.get_num_threads(), None, 0
        normed, attend = library().normed, library().attend
        hidden, joint, answer, more = (memory[k] for k in ("hidden", "joint", "answer", "more"))
        for own, (layer, norms, inward, outward, part) in zip(kept, self.calls, strict=True):
            normed(at, after, norms[0], add)
            inward(hidden, joint)
            attend(at, layer, own, place, threads)
            outward(answer, more)
            normed(at, norms[1], norms[2], 1)
            part()
            after, add = norms[3], 1
        normed(at, after, self.last.data_ptr(), 1)
        for layer in cache.layers:
            layer.length = place + 1
        return hidden

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
        inner, k = (max(getattr(layer.part, s) for layer in self.layers) for s in ("inner", "k"))
        experts = self.experts if self.experts > 1 else 0
        shapes = dict.fromkeys(("x", "more", "hidden"), dim) | {
            "joint": (heads + 2 * groups) * width, "answer": heads * width, "scores": heads * room,
            "gates": 2 * inner, "gated": inner, "fits": experts,
            **dict.fromkeys(("some", "one"), dim if experts else 0),
            **dict.fromkeys(("shares", "share", "which", "chosen"), k), "starts": 1,
        }  # fmt: skip
        memory = {
            name: x.new_zeros(n, size, dtype=torch.int64 if name in NUMBERS else x.dtype)
            for name, size in shapes.items()
        }
        memory["starts"] = memory["starts"].view(n)
        memory["counts"] = torch.zeros(experts, dtype=torch.int64)
        self.memory, self.rows, self.room = memory, n, room
        self.turns = {letter: x.new_zeros(n, width) for letter in self.letters}
        self.step = Step(
            rows=n, dim=dim, heads=heads, groups=groups, width=width, experts=experts, room=room,
            **self.factors, **{name: memory[name].data_ptr() for name in (*FLOATS, *NUMBERS)},
        )  # fmt: skip
        self.differ = [self._differ(layer) for layer in self.layers]
        at = ctypes.addressof(self.step)
        self.calls = [
            (ctypes.addressof(own), [_place(norm) for norm in layer.norms], into(layer.inward, n),
             into(layer.outward, n), part_call(layer.part, memory, at))
            for layer, own in zip(self.layers, self.differ, strict=True)
        ]  # fmt: skip

    def _differ(self, layer: FewLayer) -> Layer:
        turns = _place(self.turns.get(layer.turn))
        return Layer(
            _place(layer.both), turns, _place(layer.sinks), int(layer.apart), layer.window or 0
        )


def takes(cache: Cache, /) -> bool:
    """Whether keys and values are kept as this reads them."""
    if cache.paged is not None:
        pages = cache.paged.pages
        return not pages.steps and pages.kept[0].dtype == torch.float32 and pages.kept[0].is_cpu
    plain = cache.scale is None and cache.all.dtype == torch.float32
    return plain and cache.all.is_cpu and cache.all.stride()[3:] == (cache.all.shape[4], 1)


def _place(part: Tensor | None) -> int | None:
    if part is None:
        return None
    assert part.is_contiguous()
    return part.data_ptr()
