"""A picture with the content of one digit and the style of another, by an untrained network."""

import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.generative.style.gatys import gram

STEPS = 150


@pytest.fixture(scope="module")
def digits():
    return cg.dataset("digits").train.inputs


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return cg.build("lenet5", signature=cg.dataset("digits").signature)


@pytest.mark.place("gan/applications")
def test_a_style_comes_near_and_the_content_stays(network, digits):
    pairs = [(digits[i], 1 - digits[i + 50]) for i in range(4)]
    made = [cg.stylise(network, *pair, steps=STEPS) for pair in pairs]
    before, plain, after = (
        sum(one.style_loss[name] for one in made) for name in ("content", "moments", "stylised")
    )
    assert after <= 0.1 * min(before, plain)
    assert min(one.content_cosine["stylised"] for one in made) >= 0.7
    assert all(one.picture.min() >= 0 and one.picture.max() <= 1 for one in made)
    assert not any(module._forward_hooks for module in network.modules())


def test_gram_forgets_where():
    maps = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    mixed = maps.flatten(2)[:, :, torch.randperm(20)].reshape(2, 3, 5, 4)
    torch.testing.assert_close(gram(mixed), gram(maps))
    loops = [[(one[i] * one[j]).mean() for j in range(3)] for one in maps for i in range(3)]
    torch.testing.assert_close(gram(maps), torch.tensor(loops).reshape(2, 3, 3).double())


@pytest.mark.place("gan/applications")
def test_what_asks_for_no_change_gives_the_content_back(network, digits):
    content, style = digits[0], digits[7]
    without = cg.stylise(network, content, style, steps=5, style_weight=0)
    assert torch.equal(without.picture, content)
    same = cg.stylise(network, content, content, steps=5)
    assert torch.equal(same.picture, content)
    assert same.style_loss["stylised"] == 0


def test_a_seed_begins_at_its_noise(network, digits):
    one, again, other, usual = (
        cg.stylise(network, digits[0], digits[7], steps=3, seed=seed).picture
        for seed in (1, 1, 2, None)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, usual)


def test_layers_are_named(network, digits):
    usual = cg.stylise(network, digits[0], digits[7], steps=1)
    assert (usual.layers, usual.place) == (("squash1", "s2", "squash3", "s4"), "squash3")
    one = cg.stylise(network, digits[0], digits[7], steps=1, layers=["s2"])
    assert (one.layers, one.place) == (("s2",), "s2")
    with pytest.raises(UsageError, match="unknown layer 's22'"):
        cg.stylise(network, digits[0], digits[7], layers=["s22"])


def test_what_does_not_fit_is_refused(network, digits):
    content = digits[0]
    signature = cg.dataset("digits").signature
    dense = cg.build("mlp", signature=signature)
    table = cg.build("mlp", signature=cg.dataset("moons").signature)
    for model, style, told, message in (
        (dense, content, {}, "no layer of mlp gives maps"),
        (table, content, {}, "mlp is no classifier of pictures"),
        (network, content[:, :5], {}, "a picture is of shape"),
        (network, content * 255, {}, "beyond 0.0 to 1.0"),
        (network, content * torch.nan, {}, "beyond 0.0 to 1.0"),
        (network, content, {"steps": 0}, "steps=0"),
        (network, content, {"style_weight": -1.0}, "style_weight=-1"),
    ):
        with pytest.raises(UsageError, match=message):
            cg.stylise(model, content, style, **told)
