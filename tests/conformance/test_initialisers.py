"""Every initialiser fills a layer's weight in place, by the seed alone."""

import torch

from cartograd.core.build import build
from tests.conformance.support import over


@over("initialiser")
def test_fills_in_place(card):
    for shape in ((8, 5), (8, 3, 2, 2)):
        weight = torch.nn.Parameter(torch.full(shape, torch.nan))
        assert build(card.name, kind=card.kind, **card.tiny)(weight) is weight
        assert weight.isfinite().all()
        assert weight.requires_grad
        assert weight.grad_fn is None


@over("initialiser")
def test_the_same_seed_starts_alike(card):
    fill = build(card.name, kind=card.kind, **card.tiny)
    found = []
    for dtype in (torch.float32, torch.float32, torch.float64):
        torch.manual_seed(3)
        found.append(fill(torch.empty(9, 4, dtype=dtype)))
    assert torch.equal(found[0], found[1])
    assert found[2].dtype == torch.float64
