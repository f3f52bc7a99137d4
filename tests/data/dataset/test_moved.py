"""Masks go where their pictures go, whatever changes them."""

import pytest
import torch

from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.augment import Augment
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.moved import moves, with_masks

IMAGES = [
    card.name
    for card in registry.cards().values()
    if card.kind == "augmentation" and "regularize/augmentation-image" in card.nodes
]
SAID = {name: moves(build(name, kind="augmentation")) for name in IMAGES}
MOVING = [name for name, moved in SAID.items() if moved]


def blocks(n=6, size=16):
    """Pictures of black and white blocks, and the masks of these."""
    draw = torch.Generator().manual_seed(0)
    small = torch.rand(n, 1, size // 4, size // 4, generator=draw) > 0.5
    x = small.float().repeat_interleave(4, 2).repeat_interleave(4, 3)
    return x, x[:, 0].long()


@pytest.mark.parametrize("name", MOVING)
def test_a_mask_goes_where_its_picture_goes(name):
    x, y = blocks()
    rng = CounterRandom(torch.arange(6), seed=3)
    changed, found = with_masks(build(name, kind="augmentation"), x, y, rng)
    sure = (changed[:, 0] - 0.5).abs() > 0.25  # between black and white either may be nearest
    inside = found >= 0
    assert (found == (changed[:, 0] > 0.5).long())[sure & inside].float().mean() > 0.99
    assert not torch.equal(found, y)
    assert (changed[:, 0][~inside] < 0.75).all()  # what came in is black, and has no label
    if name in ("flip", "alternating-flip"):
        assert bool(inside.all())
        assert torch.equal(found, changed[:, 0].long())


@pytest.mark.parametrize("name", ["jitter", "blur", "erase"])
def test_a_mask_stays_where_colours_change(name):
    x, y = blocks()
    method = build(name, kind="augmentation")
    colour = x.repeat(1, 3, 1, 1)
    changed, found = with_masks(method, colour, y, CounterRandom(torch.arange(6), seed=3))
    assert found is y
    assert not torch.equal(changed, colour)


def test_batches_of_masks_are_augmented_together_and_what_cannot_follow_is_refused():
    x, y = blocks(12)
    port = Port("image", "image", (1, 16, 16), bounds=(0.0, 1.0))
    output = Port("mask", "label", (2, 16, 16), task="segment")
    split = Split(x, y.to(torch.int16), Signature((port,), (output,)))
    batches = split.batches(batch_size=12, shuffle=False, augment="flip,crop:padding=2")
    seen, found = next(iter(batches.epoch(1, seed=5)))
    assert found.dtype == torch.int64
    assert torch.equal(seen[:, 0].long()[found >= 0], found[found >= 0])
    assert (found < 0).any()
    plain, _ = next(iter(split.batches(batch_size=12, shuffle=False).epoch(1, seed=5)))
    assert not torch.equal(plain, seen)
    for name in ("rand-augment", "aug-mix"):
        assert SAID[name] is None
        with pytest.raises(UsageError, match="masks have to follow them; take some of flip"):
            Augment(name, Port("image", "image", (3, 16, 16), bounds=(0.0, 1.0)), goes="masks")
