"""Receptive field: the part of the image that a unit of a network depends on.

Each convolution and pooling widens the field by its kernel, times the product of the strides before
it. Where branches meet, the field is the union of theirs.

    jump' = jump stride
    first' = first - padding jump,  last' = last + (kernel - 1 - padding) jump

Unit i of a map depends on the pixels from first + i jump to last + i jump. The network runs once on
torch's meta device, where tensors have shapes but no numbers, and each operation is followed: so
it works for any network of convolutions, ours or anyone's, with branches, sums and gates.

Shapes: an image `c y x`; a field is rows x columns of pixels.

Departures: none. What a unit sees in the middle of the map; at the border the image ends. How much
each pixel counts is another question (the effective field is smaller).

References:
    Wenjie Luo, Yujia Li, Raquel Urtasun, Richard Zemel. Understanding the effective receptive
    field in deep convolutional neural networks. NeurIPS 2016. https://arxiv.org/abs/1701.04128

>>> [(seen.layer, seen.field) for seen in receptive_field(model="lenet5")]
[('c1', (5, 5)), ('s2', (6, 6)), ('c3', (14, 14)), ('s4', (16, 16))]
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.eval_mode import evaluating

CARD = Card(
    name="receptive-field",
    kind="demonstration",
    entry="receptive_field",
    nodes=("cnn/receptive-field",),
    title="Receptive fields, layer by layer",
    zh="逐层感受野",
    paper="Understanding the effective receptive field in deep convolutional neural networks",
    year=2016,
    url="https://arxiv.org/abs/1701.04128",
    proofs=(
        "law: for every convolutional network of the library the pixels that have a gradient are "
        "those of the computed field, in its rows and columns",
        "paper: two 3x3 layers see 5x5, three see 7x7 (VGG); LeNet-5's 5, 6, 14, 16",
    ),
    evidence={
        "cnn/receptive-field": ("test_the_field_is_where_the_gradient_is", "test_lenets_fields"),
    },
    tiny={"model": "lenet5", "size": 32},
)

LAYERS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
"""Kinds of layers that are reported."""


@dataclass(frozen=True)
class Line:
    """The field of unit i along one side of the image: first + i jump to last + i jump."""

    first: float = 0.0
    last: float = 0.0
    jump: float = 1.0

    def through(self, kernel: int, stride: int, padding: int, spacing: int = 1) -> "Line":
        """After a kernel with a dilation of `spacing`."""
        first = self.first - padding * self.jump
        last = self.last + ((kernel - 1) * spacing - padding) * self.jump
        return Line(first, last, self.jump * stride)

    def beside(self, other: "Line") -> "Line":
        """The union of both."""
        if self.jump != other.jump:
            return ALL
        return Line(min(self.first, other.first), max(self.last, other.last), self.jump)


ALL = Line(-math.inf, math.inf, math.nan)
Field = tuple[Line, Line]
"""Along the rows and along the columns."""


@dataclass(frozen=True)
class Seen:
    """The receptive field of a layer's units.

    Attributes:
        layer: its name.
        field: rows and columns of pixels, at most the image's.
        jump: pixels from one unit's field to the next one's.
        size: rows and columns of the map.
        first: row and column of the first unit's first pixel; below 0 in the padding.
    """

    layer: str
    field: tuple[int, int]
    jump: tuple[int, int]
    size: tuple[int, int]
    first: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """The row as JSON types."""
        return asdict(self)


def receptive_field(*, model: str = "lenet5", size: int = 32) -> tuple[Seen, ...]:
    """The fields of a network's convolutions and poolings, in the order of the calls.

    Args:
        model: spec of a model that takes images.
        size: of the image.

    Raises:
        UsageError: there is no such model, or it takes something else.
    """
    from cartograd.core.ports import Port, Signature

    image = Port("image", "image", (3, size, size))
    signature = Signature((image,), (Port("class", "label", (10,)),))
    with torch.device("meta"):
        built = build(model, kind="model", signature=signature).model
    return fields(built, torch.empty(1, 3, size, size, device="meta"))


def fields(model: nn.Module, x: Tensor, /) -> tuple[Seen, ...]:
    """The fields of the layers of a network on the meta device, for an image `1 c y x`.

    A layer that sees the whole image (after a gate, or a dense layer) has the image's size.
    """
    follower, found = Follower(x), list[Seen]()
    whole = x.shape[2], x.shape[3]

    def note(name: str, _layer: nn.Module, _x: Any, y: Any) -> None:
        lines = follower.field(y)
        sides = tuple(
            side if line.jump != line.jump else min(side, round(line.last - line.first) + 1)
            for line, side in zip(lines, whole, strict=True)
        )
        jump, first = (
            tuple(0 if line.jump != line.jump else round(value(line)) for line in lines)
            for value in (lambda line: line.jump, lambda line: line.first)
        )
        found.append(Seen(name, _two(sides), _two(jump), _two(y.shape[2:]), _two(first)))

    with ExitStack() as stack:
        for name, layer in model.named_modules():
            if isinstance(layer, LAYERS):
                hook = layer.register_forward_hook(partial(note, name))
                stack.callback(hook.remove)
        with evaluating(model), torch.no_grad(), follower:
            model(x)
    return tuple(found)


class Follower(TorchDispatchMode):
    """Records the field of every tensor that depends on the image."""

    def __init__(self, x: Tensor, /):
        super().__init__()
        self.known: dict[int, tuple[Tensor, Field]] = {id(x): (x, (Line(), Line()))}

    def field(self, x: Tensor, /) -> Field:
        """The field of a tensor that depends on the image."""
        return self.known[id(x)][1]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and record the field of its output."""
        answer = func(*args, **(kwargs or {}))
        y = answer[0] if isinstance(answer, tuple | list) else answer
        sources = [x for x in _tensors(args) if id(x) in self.known]
        if isinstance(y, Tensor) and sources:
            self.known[id(y)] = y, self._after(func.overloadpacket, y, sources, args)
        return answer

    def _after(self, operation: Any, y: Tensor, sources: list[Tensor], args: Any) -> Field:
        """The field after an operation."""
        aten, before = torch.ops.aten, self.field(sources[0])
        if operation is aten.convolution:
            kernel, (stride, padding, spacing) = args[1].shape[2:], args[3:6]
            return _moved(before, kernel, stride, padding, spacing)
        if operation in (aten.max_pool2d_with_indices, aten.avg_pool2d):
            kernel = args[1]
            stride, padding = (list(args) + [[], [0, 0]][len(args) - 2 :])[2:4]
            return _moved(before, kernel, stride or kernel, padding, (1, 1))
        if operation is aten.constant_pad_nd:
            left, _, top, _ = (*args[1], 0, 0)[:4]
            return _moved(before, (1, 1), (1, 1), (top, left), (1, 1))
        if operation is aten.slice and args[1] in (2, 3, -1, -2):
            step, start = (args[4] if len(args) > 4 else 1), args[2] or 0
            lines = list(before)
            lines[args[1] % 2] = before[args[1] % 2].through(1, step, -start)
            return lines[0], lines[1]
        # Elsewhere maps of one size are combined elementwise, or over all positions.
        if y.ndim < 4 or any(x.ndim < 4 or x.shape[-2:] != y.shape[-2:] for x in sources):
            return ALL, ALL
        lines = before
        for x in sources[1:]:
            rows, columns = self.field(x)
            lines = lines[0].beside(rows), lines[1].beside(columns)
        return lines


def _moved(field: Field, kernel: Any, stride: Any, padding: Any, spacing: Any) -> Field:
    kernel, stride, padding, spacing = (
        tuple(value) * 2 if len(value) == 1 else tuple(value)
        for value in (kernel, stride, padding, spacing)
    )
    rows, columns = (
        field[side].through(kernel[side], stride[side], padding[side], spacing[side])
        for side in (0, 1)
    )
    return rows, columns


def _tensors(args: Any) -> Iterator[Tensor]:
    for item in args:
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, tuple | list):
            yield from _tensors(item)


def _two(pair: Any) -> tuple[int, int]:
    rows, columns = pair
    return int(rows), int(columns)
