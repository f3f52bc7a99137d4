"""Every kernel that a choice can fall on, and its fallback, against the exact result.

Run as a module it prints the checks that failed, as JSON: `test_processors` runs it for each kind
of processor, one process a kind.
"""

import hashlib
import json
import traceback
import warnings
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cartograd.architectures.transformer import attention, eager_attention
from cartograd.core import onednn_linear
from cartograd.core.eval_mode import inferring
from cartograd.core.kernels import SHAPES, SUMS, cases, close
from cartograd.engine.device import device
from cartograd.practice.compression import fast_weights, int8_linear
from cartograd.training.regularization import dropout

CPU = torch.device("cpu")
MASK = "7b1139f08a548d1f"
"""Digest of a mask of dropout by seed 0."""


def int8() -> None:
    """The layer is the product of whole numbers, whichever way it goes; and near to the floats."""
    for bits in (*filter(int8_linear.exact, int8_linear.BITS), 0):
        with (
            patch.object(int8_linear, "input_bits", lambda bits=bits: bits),
            patch.object(int8_linear, "floats_are", lambda *_: False),  # though they be quicker
        ):
            _int8(bits)


def _int8(bits: int) -> None:
    draw = torch.Generator().manual_seed(1)
    for d, d2 in SHAPES:
        weight = torch.rand(d2, d, generator=draw) * 2 - 1
        bias = torch.randn(d2, generator=draw)
        layer = int8_linear.Int8Linear(weight, bias)
        for n in (1, 3, 40):
            x = torch.randn(n, d, generator=draw) * 50
            exact = x.double() @ weight.double().t() + bias
            assert (layer(x) - exact).norm() < 0.02 * exact.norm(), (bits, d, d2, n)
            x, numbers = _near_whole_numbers(n, d, bits or 8, draw)
            known = x.double() @ layer.floats().double().t() + bias.double()
            if bits:
                sums = numbers @ layer.numbers.long().t()
                known = sums.double() * STEP * layer.scale.double() + bias.double()
            off = (layer(x) - known).abs().max() / known.abs().max()
            assert off < 1e-6, (bits, d, d2, n, float(off))


STEP = 0.125


def _near_whole_numbers(n: int, d: int, bits: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Inputs over the full range of so many bits, and what they are rounded to, over `STEP`."""
    numbers = torch.randint(2**bits, (n, d), generator=draw)
    numbers[:, 0], numbers[:, 1] = 0, 2**bits - 1
    numbers[::2] -= 2 ** (bits - 1)
    off = torch.rand(n, d, generator=draw) * 0.8 - 0.4
    off[:, :2] = 0
    low, high = numbers[:, :1], numbers[:, 1:2]
    return (numbers + off).clamp(low, high) * STEP, numbers


def number_formats() -> None:
    """Each way of multiplying for writing is right, and so is its fallback."""
    types = {"rows": torch.float32, "columns": torch.float32}
    types |= {"float16": torch.float16, "bf16": torch.bfloat16}
    for name, dtype in types.items():
        step = 0.0 if dtype == torch.float32 else torch.finfo(dtype).eps
        for right in (fast_weights.exact, lambda _: False):
            with patch.object(fast_weights, "exact", right):
                for x, weight, bias in cases(rows=(1, 2, 7)):
                    x, weight, bias = (number.to(dtype).float() for number in (x, weight, bias))
                    found = fast_weights.MAKERS[name](weight, bias)(x)
                    assert close(found, x, weight, bias, rounding=step), (name, right, x.shape)
    assert fast_weights.exact(torch.float16)
    assert fast_weights.exact(torch.bfloat16)


def large_layers() -> None:
    """Inference of large layers is right by oneDNN and by torch."""
    assert onednn_linear.exact() or not torch.backends.mkldnn.is_available()
    ways = [False, True] if onednn_linear.exact() else [False]
    for taken in ways:
        with patch.object(onednn_linear, "faster", lambda _, taken=taken: taken):
            for x, weight, bias in cases(rows=(1, 64)):
                layer = nn.Linear(weight.shape[1], weight.shape[0])
                with torch.no_grad():
                    layer.weight.copy_(weight)
                    layer.bias.copy_(bias)
                with inferring(layer):
                    assert close(layer(x), x, weight, bias), (taken, tuple(weight.shape), len(x))


def half_precision() -> None:
    """Products and filters in bfloat16 are right, imitated or not; float32 where one says so."""
    assert device.exact_bf16("cpu")
    draw = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 16, 9, 9, generator=draw), torch.randn(24, 16, 3, 3, generator=draw)
    x, weight = (number.bfloat16().double() for number in (x, weight))
    with torch.autocast("cpu", torch.bfloat16):
        found = F.conv2d(x.float(), weight.float(), padding=1)
    assert found.dtype == torch.bfloat16
    exact, whole = (F.conv2d(*pair, padding=1) for pair in ((x, weight), (x.abs(), weight.abs())))
    step = torch.finfo(torch.bfloat16).eps
    assert ((found.double() - exact).abs() <= SUMS * whole + step * exact.abs()).all()
    for broken in ("fast_bf16", "exact_bf16"):
        with (
            patch.object(device, "fast_bf16", lambda _, broken=broken: broken != "fast_bf16"),
            patch.object(device, "exact_bf16", lambda _, broken=broken: broken != "exact_bf16"),
            warnings.catch_warnings(record=True) as said,
        ):
            warnings.simplefilter("always")
            assert device.choice(CPU).chosen == "float32"
            assert device.check_precision("bf16", CPU) == "float32"
            assert len(said) == 1


def attention_in_training() -> None:
    """The formula and torch's kernel give the exact answers and gradients."""
    draw = torch.Generator().manual_seed(0)
    for (b, h, groups, t, s, d), causal in (
        ((2, 8, 8, 128, 128, 32), True),
        ((1, 9, 3, 37, 53, 64), False),
        ((1, 2, 1, 1, 200, 24), False),
    ):
        shapes = (b, h, t, d), (b, groups, s, d), (b, groups, s, d)
        plain = [torch.randn(shape, generator=draw) for shape in shapes]
        for dtype, off in ((torch.float32, 1e-5), (torch.bfloat16, 2e-2)):
            rounded = [number.to(dtype) for number in plain]
            exact = _attended([number.double() for number in rounded], causal, formula=True)
            for formula in (False, True):
                found = _attended(rounded, causal, formula=formula)
                for one, known in zip(found, exact, strict=True):
                    assert one.dtype == dtype
                    assert (one - known).norm() <= off * known.norm(), (t, s, dtype, formula)


def _attended(inputs: list[Tensor], causal: bool, *, formula: bool) -> list[Tensor]:
    """Answers, and the gradients of queries, keys and values."""
    q, k, v = (number.clone().requires_grad_() for number in inputs)
    with patch.object(attention, "learns_faster", lambda *_: formula):
        y = attention.attend(q, k, v, causal=causal)
    ramp = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view(y.shape).to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, (q, k, v), ramp)]


def bits_of_dropout() -> None:
    """Ours are the same numbers on every processor; ours and torch's are as many as asked."""
    x = torch.ones(65_537)
    torch.manual_seed(0)
    mask = (dropout.thinned(x, 0.3) == 0).to(torch.uint8)
    digest = hashlib.sha256(mask.numpy().tobytes()).hexdigest()[:16]
    assert digest == MASK, digest
    for many in (dropout.MANY, len(x) + 1):
        with patch.object(dropout, "MANY", many):
            for p in (0.1, 0.5, 0.9):
                y = dropout.thinned(x, p)
                kept = round(p * dropout.STEPS) / dropout.STEPS if many < len(x) else p
                torch.testing.assert_close(y[y != 0].unique(), torch.tensor([1 / (1 - kept)]))
                share = (y == 0).float().mean().item()
                assert abs(share - p) < 5 * (p * (1 - p) / len(x)) ** 0.5, (many, p, share)


def what_is_chosen_is_named() -> None:
    """Each choice names what it fell on: one of what it can fall on."""
    assert eager_attention.choice(CPU).fallback == "torch's kernel"
    assert dropout.choice(CPU).fallback == "torch's dropout"
    for one in (
        onednn_linear.choice(), device.choice(CPU), int8_linear.choice(),
        fast_weights.choice("bf16"),
    ):  # fmt: skip
        assert one.chosen
        assert one.fallback
        assert one.reason


CHECKS = (
    int8,
    number_formats,
    large_layers,
    half_precision,
    attention_in_training,
    bits_of_dropout,
    what_is_chosen_is_named,
)


def main() -> None:
    """Print what failed, by check, and what processor torch took this one for."""
    failed = {}
    for check in CHECKS:
        try:
            check()
        except Exception:
            failed[check.__name__] = traceback.format_exc()
    print(json.dumps({"processor": torch.backends.cpu.get_cpu_capability(), "failed": failed}))


if __name__ == "__main__":
    main()
