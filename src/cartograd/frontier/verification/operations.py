"""Which rule each operation of an exported graph has, by its name in ATen.

An operation that is not here is refused by name: what nothing is known of cannot be bounded.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

from cartograd.frontier.verification import moved, smooth, whole
from cartograd.frontier.verification.call import BATCH, HOLE, Call, NoRuleError, alike, both, filled
from cartograd.frontier.verification.pieces import OPERATIONS
from cartograd.frontier.verification.relaxed import Product
from cartograd.frontier.verification.rules import Affine, LargestOf, Ramp, Rule
from cartograd.frontier.verification.unrolled import TIMES, recurrent
from cartograd.frontier.verification.whole import Parts


def rule_of(name: str, call: Call, /) -> Parts:
    """The rules of an operation, most often one.

    Raises:
        NoRuleError: there is none for it, or it mixes examples.
    """
    if name not in RULES or any(shape[:1] != (BATCH,) for shape in (*call.shapes, call.shape)):
        raise NoRuleError
    found = RULES[name](call)
    return found if isinstance(found, list) else [(found, tuple(range(len(call.shapes))))]


def _sum(sign: int) -> Callable[[Call], Rule]:
    """Sums and differences of two, one of which may be a constant."""

    def rule(call: Call) -> Rule:
        scale = call.kwargs.get("alpha", 1)
        one, two = alike(call)[:2]

        def f(*inputs: Tensor) -> Tensor:
            first, second = filled((one, two), inputs)
            return first + sign * scale * second

        def spread(*radii: Tensor) -> Tensor:
            left = iter(radii)
            parts = [next(left) * abs(c) for part, c in ((one, 1), (two, scale)) if part is HOLE]
            return sum(parts[1:], parts[0]).expand(len(radii[0]), *call.shape[1:])

        return Affine(f, spread, 1 if scale == 1 else 2)

    return rule


def _scaled(how: Callable[[Any, Any], Tensor]) -> Callable[[Call], Rule]:
    """Products with a constant, and quotients by one."""

    def rule(call: Call) -> Rule:
        if len(call.shapes) == 2 and how is torch.mul:
            return TIMES
        if len(call.shapes) != 1 or (how is torch.div and call.args[0] is not HOLE):
            raise NoRuleError
        args = alike(call)[:2]
        bare = [one.abs() if isinstance(one, Tensor) else one if one is HOLE else abs(one)
                for one in args]  # fmt: skip
        return Affine(lambda x: how(*filled(args, (x,))), lambda r: how(*filled(bare, (r,))), 1)

    return rule


def _negated(call: Call) -> Rule:
    return Affine(call, lambda radius: radius, 0)


def _weighted(place: int, weight: int, bias: int | None) -> Callable[[Call], Rule]:
    """Dense layers and convolutions: the input, the weight and the bias by their places."""

    def rule(call: Call) -> Rule:
        args = list(call.args)
        if args[place] is not HOLE or len(call.shapes) != 1:
            raise NoRuleError
        bare = list(args)
        bare[weight] = args[weight].abs()
        if bias is not None and bias < len(args):
            bare[bias] = None if args[bias] is None else torch.zeros_like(args[bias])
        inner = Call(call.op, tuple(bare), call.kwargs, call.shapes, call.shape)
        return Affine(call, inner, _terms(call, args[weight]), transpose=_transpose(call))

    return rule


def _transpose(call: Call) -> Callable[[Tensor, tuple[int, ...]], Tensor] | None:
    """The transpose of a dense layer or a convolution of maps, which no pass forward is needed for.

    Any other operation has its gradient.
    """
    if call.op is torch.ops.aten.linear.default:
        return lambda rows, _: rows @ call.args[1]
    if call.op is not torch.ops.aten.conv2d.default:
        return None
    weight = call.args[1]
    stride, padding, dilation, groups = [
        *call.args[3:],
        *([1, 1], [0, 0], [1, 1], 1)[len(call.args) - 3 :],
    ]

    def transposed(rows: Tensor, shape: tuple[int, ...]) -> Tensor:
        return conv2d_input(shape, weight, rows, stride, padding, dilation, groups)

    return transposed


def _terms(call: Call, weight: Tensor) -> int:
    """How many products a dense layer or a convolution sums up, and the bias."""
    if call.op is torch.ops.aten.convolution.default:
        transposed = call.args[6]
        return weight[:, 0].numel() + 1 if transposed else weight[0].numel() + 1
    return call.shapes[0][-1] + 1


def _normalised(call: Call) -> Rule:
    """Normalisation by the statistics that were learned: a factor and a constant a channel."""
    x, weight, bias, mean, variance, *rest = call.args
    if call.op is torch.ops.aten.batch_norm.default:
        training, _, eps, _ = rest
    else:
        training, (_, eps) = False, rest
    if x is not HOLE or training:
        raise NoRuleError
    factor = (variance + eps).rsqrt() * (1 if weight is None else weight)
    shape = (1, -1, *[1] * (len(call.shape) - 2))
    scale, shift = factor.reshape(shape), (mean * factor).reshape(shape)
    constant = torch.zeros_like(shift) if bias is None else bias.reshape(shape)

    added = shift.abs() + constant.abs()
    return Affine(
        lambda y: y * scale + (constant - shift),
        lambda r: r * scale.abs(),
        12,
        lambda r: r * scale.abs() + added,
    )


def _largest(call: Call) -> Rule:
    _, kernel, *more = call.args
    kernel = both(kernel)
    stride = both(more[0]) if more and more[0] else kernel
    padding = both(more[1]) if len(more) > 1 else (0, 0)
    if any(both(more[2]) != (1, 1) for _ in more[2:3]) or any(more[3:4]):  # dilation, ceil_mode
        raise NoRuleError

    def windows(x: Tensor) -> Tensor:
        x = F.pad(x, (padding[1],) * 2 + (padding[0],) * 2, value=-torch.inf)
        cut = x.unfold(2, kernel[0], stride[0]).unfold(3, kernel[1], stride[1])
        return cut.flatten(4).flatten(2, 3).transpose(2, 3)

    return LargestOf(lambda x: F.max_pool2d(x, kernel, stride, padding), windows)


def _ramp(call: Call) -> Rule:
    negative = float(call.args[1]) if len(call.args) > 1 else 0.0
    if call.op is torch.ops.aten.leaky_relu.default and len(call.args) == 1:
        negative = 0.01
    if not 0 <= negative <= 1:
        raise NoRuleError
    return Ramp(negative)


def _curve(rule: Callable[[], Rule]) -> Callable[[Call], Rule]:
    return lambda _: rule()


def _gelu(call: Call) -> Rule:
    return smooth.gelu(tanh=call.kwargs.get("approximate") == "tanh")


def _product(call: Call) -> Rule:
    """A product of two rows of numbers, one of which may be constant."""
    if len(call.shapes) == 2:
        if any(len(shape) < 3 for shape in call.shapes):  # the examples would be summed up
            raise NoRuleError
        return Product(torch.matmul, call.shapes[0][-1])
    args = alike(call)
    bare = [one.abs() if isinstance(one, Tensor) else one for one in args]
    if any(isinstance(one, Tensor) and one.ndim == 1 for one in args):
        raise NoRuleError
    terms = call.shapes[0][-1 if args[0] is HOLE else -2]
    if len(call.shapes[0]) < (2 if args[0] is HOLE else 3):
        raise NoRuleError
    return Affine(
        lambda x: torch.matmul(*filled(args, (x,))), lambda r: torch.matmul(*filled(bare, (r,))),
        terms,
    )  # fmt: skip


def ruled() -> list[Callable[..., Any]]:
    """The operations that have a rule."""
    return [getattr(getattr(torch.ops.aten, packet), form) for packet, form in
            (name.split(".") for name in {**RULES, **OPERATIONS})]  # fmt: skip


def names() -> list[str]:
    """What is known, as ATen calls it."""
    same = {
        "native_batch_norm_legit_no_training", "max_pool2d_with_indices", "convolution", "addmm",
        "reshape", "flatten", "unsafe_view", "to_copy", "to", "contiguous", "clone", "alias", "mm",
        "detach", "bmm", "unflatten", "mT",
    }  # fmt: skip
    words = {name.partition(".")[0].strip("_") for name in (*RULES, *OPERATIONS, "where")}
    return sorted(words - same)


RULES: dict[str, Callable[[Call], Rule | Parts]] = {
    "addmm.default": _weighted(1, 2, 0),
    "mm.default": _weighted(0, 1, None),
    "linear.default": _weighted(0, 1, 2),
    "conv1d.default": _weighted(0, 1, 2),
    "conv2d.default": _weighted(0, 1, 2),
    "convolution.default": _weighted(0, 1, 2),
    "_native_batch_norm_legit_no_training.default": _normalised,
    "batch_norm.default": _normalised,
    "relu.default": _ramp,
    "leaky_relu.default": _ramp,
    "sigmoid.default": _curve(smooth.sigmoid),
    "tanh.default": _curve(smooth.tanh),
    "gelu.default": _gelu,
    "silu.default": _curve(smooth.silu),
    "softmax.int": whole.softmax,
    "_softmax.default": whole.softmax,
    "layer_norm.default": whole.standardised,
    "group_norm.default": whole.of_groups,
    "instance_norm.default": whole.of_channels,
    "rms_norm.default": whole.of_length,
    "scaled_dot_product_attention.default": whole.attention,
    "lstm.input": recurrent,
    "gru.input": recurrent,
    "matmul.default": _product,
    "bmm.default": _product,
    "max_pool2d_with_indices.default": _largest,
    "max_pool2d.default": _largest,
    "avg_pool2d.default": moved.pooled,
    "adaptive_avg_pool2d.default": moved.pooled_to_size,
    "_adaptive_avg_pool2d.default": moved.pooled_to_size,
    "upsample_bilinear2d.default": moved.enlarged,
    "upsample_bilinear2d.vec": moved.enlarged,
    "mean.dim": moved.averaged,
    "sum.dim_IntList": moved.averaged,
    "upsample_nearest2d.vec": moved.enlarged,
    **dict.fromkeys(("add.Tensor", "add.Scalar"), _sum(1)),
    **dict.fromkeys(("sub.Tensor", "sub.Scalar"), _sum(-1)),
    **dict.fromkeys(("mul.Tensor", "mul.Scalar"), _scaled(torch.mul)),
    **dict.fromkeys(("div.Tensor", "div.Scalar"), _scaled(torch.div)),
    "neg.default": _negated,
    "view.default": moved.reshaped,
    "_unsafe_view.default": moved.reshaped,
    "reshape.default": moved.reshaped,
    "flatten.using_ints": moved.reshaped,
    "expand.default": moved.expanded,
    "transpose.int": moved.within(1, 2),
    "permute.default": moved.within(1),
    "unsqueeze.default": moved.within(1),
    "unflatten.int": moved.unfolded,
    "mT.default": moved.turned,
    "gather.default": moved.gathered,
    "squeeze.dims": moved.within(1),
    "select.int": moved.within(1),
    "slice.Tensor": moved.within(1),
    "cat.default": moved.concatenated,
    "constant_pad_nd.default": moved.padded,
    "_to_copy.default": moved.copied,
    "to.dtype": moved.copied,
    "contiguous.default": moved.copied,
    "dropout.default": moved.dropped,
    "clone.default": moved.copied,
    "alias.default": moved.copied,
    "detach.default": moved.copied,
}
"""A rule for each operation, by its name and form in ATen."""
