import pytest
import torch
from torch.nn import functional as F

from cartograd.generative.style.adain import AdaIN


def takes(n):
    """Features of contents, and of smaller styles."""
    draw = torch.Generator().manual_seed(1)
    return (
        torch.randn(n, 2, 4, 4, generator=draw),
        3 + 2 * torch.randn(n, 2, 3, 3, generator=draw),
    )


@pytest.mark.law("adain")
@pytest.mark.place("gan/applications")
def test_mean_and_spread_are_the_styles():
    content, style = (one.double() for one in takes(5))
    made = AdaIN()(content, style)
    for found, asked in zip(torch.std_mean(made, (2, 3), correction=0),
                            torch.std_mean(style, (2, 3), correction=0), strict=True):  # fmt: skip
        torch.testing.assert_close(found, asked, rtol=0, atol=1e-10)
    order = content.flatten(2).argsort(2)
    assert torch.equal(made.flatten(2).argsort(2), order)


@pytest.mark.oracle("adain")
def test_it_is_torchs_instance_norm_scaled_and_shifted():
    content, style = (one.double() for one in takes(5))
    spread, mean = torch.std_mean(style, (2, 3), correction=0, keepdim=True)
    theirs = F.instance_norm(content, eps=1e-12) * spread + mean
    torch.testing.assert_close(AdaIN()(content, style), theirs, rtol=0, atol=1e-10)
    torch.testing.assert_close(AdaIN(alpha=0.25)(content, style), 0.75 * content + theirs / 4)


def test_an_even_map_stays_even():
    made = AdaIN()(torch.ones(1, 1, 3, 3), torch.randn(1, 1, 3, 3))
    assert made.isfinite().all()
    assert made.std() == 0
