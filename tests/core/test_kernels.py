"""The proof of a kernel: what is right passes, and each way of being wrong is found."""

import pytest
import torch
import torch.nn.functional as F

from cartograd.core.kernels import cases, close, right


def saturated(x, weight, bias):
    """Sums that stop where they do not fit."""
    return (x @ weight.t()).clamp(-9, 9) + bias


def narrow(x, weight, bias):
    """Factors rounded as TF32 does."""
    cut = [(number.view(torch.int32) & ~0x1FFF).view(torch.float32) for number in (x, weight)]
    return cut[0] @ cut[1].t() + bias


def one_is_off(x, weight, bias):
    y = F.linear(x, weight, bias)
    y[-1, -1] += 0.01 * y.abs().max()
    return y


def missing(x, weight, bias):
    raise AttributeError("no such operator")


def test_what_is_right_passes():
    assert right(F.linear)
    assert right(lambda x, w, b: F.linear(x.double(), w.double(), b.double()))
    assert right(lambda x, w, b: F.linear(x, w, b).bfloat16(), dtype=torch.bfloat16)


@pytest.mark.parametrize(
    "wrong",
    [
        saturated,
        narrow,
        one_is_off,
        missing,
        lambda x, w, b: F.linear(x, w),
        lambda x, w, b: F.linear(x, w, b) * torch.nan,
        lambda x, w, b: F.linear(x, w, b).bfloat16(),
    ],
    ids=["saturated", "tf32", "one", "missing", "no bias", "no number", "rounded"],
)
def test_what_is_wrong_is_found(wrong):
    assert not right(wrong)


def test_sums_in_half_precision_are_found():
    def product(x, weight, bias):
        sums = torch.zeros(len(x), len(weight), dtype=torch.bfloat16)
        for part in range(0, x.shape[1], 37):
            sums += (x[:, part : part + 37] @ weight[:, part : part + 37].t()).bfloat16()
        return sums + bias.bfloat16()

    assert not right(product, dtype=torch.bfloat16)


def test_the_numbers_are_of_all_sizes_and_the_same_each_time():
    first, second = list(cases()), list(cases())
    assert all(torch.equal(*pair) for pair in zip(first[0], second[0], strict=True))
    for x, weight, bias in first:
        assert x.dtype == weight.dtype == bias.dtype == torch.float32
        size = weight.abs()
        assert weight.numel() > 2**16 or size.amax() > 1e4 * size.quantile(0.01)
        assert (weight < 0).any()
        assert close(F.linear(x, weight), x, weight, None)
