"""Every way to clip: a pure function that shortens what is too long and nothing else."""

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.clipping.norm import length
from tests.conformance.support import global_state_untouched, over


def drawn():
    weights = [torch.randn(4, 3), torch.randn(2, 3, 2, 2), torch.randn(5), torch.randn(())]
    return weights, [10 * torch.randn_like(weight) for weight in weights]


@over("clipping")
def test_a_gradient_becomes_shorter_and_small_ones_stay(card):
    weights, gradients = drawn()
    before = [gradient.clone() for gradient in gradients]
    with global_state_untouched():
        clipped = build(card.name, kind=card.kind, **card.tiny)(
            gradients, weights, length(gradients)
        )
    assert length(clipped) < length(gradients)
    assert all(torch.equal(a, b) for a, b in zip(gradients, before, strict=True))
    small = [1e-4 * weight for weight in weights]
    kept = build(card.name, kind=card.kind, **card.tiny)(small, weights, length(small))
    assert all(torch.equal(a, b) for a, b in zip(kept, small, strict=True))


@over("clipping")
def test_a_limit_below_zero_is_refused(card):
    with pytest.raises(UsageError, match="expected above 0"):
        build(card.name, kind=card.kind, max=-1.0)
