"""Rules of operations that move, repeat, average or add up numbers: no weight is negative."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from cartograd.frontier.verification.call import HOLE, Call, NoRuleError, alike, both, filled
from cartograd.frontier.verification.rules import Affine, Rule


def moved(call: Call, function: Callable[..., Tensor] | None = None, terms: int = 0) -> Affine:
    """What moves, repeats or averages numbers: its weights are not negative."""
    f = function or call

    def spread(*radii: Tensor) -> Tensor:
        return f(*radii) - f(*(torch.zeros_like(one[:1]) for one in radii))

    return Affine(f, spread, terms)


def reshaped(call: Call) -> Rule:
    """Examples of another shape, each apart."""
    rest = call.shape[1:]
    return moved(call, lambda x: x.reshape(len(x), *rest))


def unfolded(call: Call) -> Rule:
    """A dimension divided into several, each example apart.

    Raises:
        NoRuleError: it is that of the examples.
    """
    if call.args[1] % len(call.shapes[0]) == 0:
        raise NoRuleError
    return reshaped(call)


def turned(call: Call) -> Rule:
    """The last two dimensions the other way round.

    Raises:
        NoRuleError: one of them is that of the examples.
    """
    if len(call.shape) < 3:
        raise NoRuleError
    return moved(call)


def gathered(call: Call) -> Rule:
    """Numbers from places that are the same for all examples.

    Raises:
        NoRuleError: the places differ, or examples are gathered.
    """
    x, dim, index = alike(call)[:3]
    if x is not HOLE or dim % len(call.shape) == 0:
        raise NoRuleError
    return moved(call, lambda x: x.gather(dim, index.expand(len(x), *index.shape[1:])))


def expanded(call: Call) -> Rule:
    """Numbers repeated along dimensions of size 1."""
    rest = call.shape[1:]
    return moved(call, lambda x: x.expand(len(x), *rest))


def within(*places: int) -> Callable[[Call], Rule]:
    """An operation along dimensions, which these arguments name; never along the examples."""

    def rule(call: Call) -> Rule:
        rank = max(len(call.shape), len(call.shapes[0]))
        for place in places:
            given = call.args[place] if place < len(call.args) else 0
            dims = given if isinstance(given, list | tuple) else [given]
            if call.op is torch.ops.aten.permute.default:
                dims = [] if dims[0] == 0 else [0]
            if not all(dim > 0 or -rank < dim < 0 for dim in dims):
                raise NoRuleError
        return moved(call)

    return rule


def averaged(call: Call) -> Rule:
    """Means and sums along dimensions."""
    dims = call.args[1]
    rank = len(call.shapes[0])
    if not dims or any(dim % rank == 0 for dim in dims):
        raise NoRuleError
    return moved(call, terms=math.prod(call.shapes[0][dim] for dim in dims) + 1)


def pooled(call: Call) -> Rule:
    """Means of windows."""
    if any(call.args[4:5]):  # ceil_mode
        raise NoRuleError
    return moved(call, terms=math.prod(both(call.args[1])) + 1)


def pooled_to_size(call: Call) -> Rule:
    """Means of as many windows as are wanted."""
    height, width = call.shapes[0][-2:]
    rows, columns = call.shape[-2:]
    return moved(call, terms=(height // rows + 2) * (width // columns + 2))


def enlarged(call: Call) -> Rule:
    """Maps of another size; the places that numbers are taken from are rounded, too."""
    size = call.shape[-2:]

    def spread(radius: Tensor) -> Tensor:
        return call(radius)

    def near(sizes: Tensor) -> Tensor:
        return sizes.amax((-2, -1), keepdim=True).expand(*sizes.shape[:-2], *size)

    return Affine(call, spread, 4 * max(*size, *call.shapes[0][-2:]) + 16, near)


def concatenated(call: Call) -> Rule:
    """Parts beside each other, some of which may be constants."""
    dim = call.args[1] if len(call.args) > 1 else 0
    if dim % len(call.shape) == 0:
        raise NoRuleError
    fixed = alike(call)

    def f(*inputs: Tensor) -> Tensor:
        rows = len(inputs[0])
        parts = filled(fixed[0], inputs)
        return torch.cat([part.expand(rows, *part.shape[1:]) for part in parts], dim)

    return moved(call, f)


SEVERAL = {"split.Tensor": 2, "split_with_sizes.default": 2, "chunk.default": 2, "unbind.int": 1}
"""Operations that divide examples, with the place of the dimension among their arguments."""


def part(call: Call, number: int, /) -> Rule:
    """One of the parts that examples are divided into.

    Raises:
        NoRuleError: the examples themselves are divided.
    """
    place = SEVERAL[str(call.op).removeprefix("aten.")]
    dim = call.args[place] if place < len(call.args) else 0
    if dim % len(call.shapes[0]) == 0:
        raise NoRuleError
    return moved(call, lambda x: call(x)[number])


def padded(call: Call) -> Rule:
    """More room around maps, of one number."""
    if len(call.args[1]) == 2 * len(call.shape):
        raise NoRuleError
    return moved(call)


def dropped(call: Call) -> Rule:
    """Dropout, which does nothing in evaluation."""
    if call.args[2]:
        raise NoRuleError
    return moved(call, lambda x: x)


def copied(call: Call) -> Rule:
    """The same numbers again, of a precision that bounds are known of."""
    kinds = [one for one in (*call.args, call.kwargs.get("dtype")) if isinstance(one, torch.dtype)]
    if not set(kinds) <= {torch.float32, torch.float64}:
        raise NoRuleError
    return moved(call, lambda x: x)
