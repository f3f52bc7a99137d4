"""Every purifier gives inputs of the same shape and range, leaves its own alone, and repeats."""

import inspect
from dataclasses import replace

import torch

from cartograd.core.build import build, entry
from cartograd.core.ports import Port, Signature
from cartograd.core.purifying import Purifier
from tests.conformance.support import global_state_untouched, over

PIXELS = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))


def helper(card):
    """A model of pictures, for a purifier that needs one."""
    if "run" not in inspect.signature(entry(card)).parameters:
        return {}
    if card.name == "diffpure":
        noise, told = Port("noise", "vector", (64,)), replace(PIXELS, task="generate")
        given = replace(told, mean=(0.5,), std=(0.5,))
        return {"run": build("ddpm:width=8,chain=50", signature=Signature((noise,), (given,)))}
    told = replace(PIXELS, task="reconstruct")
    return {"run": build("autoencoder:latent=4", signature=Signature((PIXELS,), (told,)))}


def made(card):
    torch.manual_seed(0)
    return build(card.name, kind=card.kind, **card.tiny, **helper(card))


def given():
    return torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@over("purifier")
def test_a_purifier_keeps_shape_and_range_and_leaves_no_trace(card):
    purifier, x = made(card), given()
    assert isinstance(purifier, Purifier)
    with global_state_untouched():
        found = purifier(x, torch.Generator().manual_seed(0))
    assert torch.equal(x, given())
    assert found.shape == x.shape
    assert found.dtype == x.dtype
    assert found.min() >= 0
    assert found.max() <= 1
    assert not torch.equal(found, x)


@over("purifier")
def test_the_same_generator_gives_the_same(card):
    purifier = made(card)
    one, two = (purifier(given(), torch.Generator().manual_seed(5)) for _ in "12")
    assert torch.equal(one, two)
