"""Every explainer and attack looks at a model, and leaves it as it found it."""

import copy

import torch

from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from tests.conformance.support import global_state_untouched, looked_at, over, untouched


def look(card, model, x, y, **more):
    method = build(card.name, kind=card.kind, **card.tiny | more)
    return method(model, x, target=y) if card.kind == "explainer" else method(model, x, y)


@over("explainer", "attack")
def test_result_is_of_the_inputs_shape(card):
    model, x, y = looked_at(card)
    result = look(card, model, x, y)
    assert result.shape == x.shape
    assert result.dtype == x.dtype
    assert result.isfinite().all()
    assert not result.requires_grad


@over("explainer", "attack")
def test_model_and_inputs_are_untouched(card):
    model, x, y = looked_at(card)
    before = x.clone(), y.clone()
    with untouched(model):
        look(card, model, x, y)
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])
    assert not x.requires_grad


@over("explainer", "attack")
def test_model_is_untouched_when_the_method_fails(card):
    model, x, y = looked_at(card)
    model.model[-1] = torch.nn.Linear(1, 3)  # the shapes do not fit any more
    with untouched(model):
        try:
            look(card, model, x, y)
        except (RuntimeError, ValueError):
            return
    raise AssertionError("a broken model went unnoticed")


@over("explainer", "attack")
def test_repeats_and_leaves_the_global_generator_alone(card):
    model, x, y = looked_at(card)
    with global_state_untouched():
        first, second = look(card, model, x, y), look(card, model, x, y)
    assert torch.equal(first, second)


@over("explainer", "attack")
def test_works_under_no_grad_and_inference_mode(card):
    """Also of what was made in inference mode: a model of such weights is refused if need be."""
    model, x, y = looked_at(card)
    expected = look(card, model, x, y)
    with torch.no_grad():
        torch.testing.assert_close(look(card, model, x, y), expected)
    with torch.inference_mode():
        made = x.clone(), y.clone()
        torch.testing.assert_close(look(card, model, *made), expected)
        copied = copy.deepcopy(model)
    torch.testing.assert_close(look(card, model, *made), expected)
    try:
        found = look(card, copied, x, y)
    except UsageError as error:
        assert "inference_mode" in str(error)  # noqa: PT017
    else:
        torch.testing.assert_close(found, expected)


@over("explainer", "attack")
def test_frozen_models_are_fine(card):
    model, x, y = looked_at(card)
    expected = look(card, model, x, y)
    model.requires_grad_(False)
    assert torch.equal(look(card, model, x, y), expected)


@over("explainer", "attack")
def test_float64(card):
    model, x, y = looked_at(card)
    x = x.double() if x.is_floating_point() else x
    assert look(card, model.double(), x, y).dtype == x.dtype


@over("explainer", "attack")
def test_a_batch_of_one(card):
    model, x, y = looked_at(card)
    assert look(card, model, x[:1], y[:1]).shape == x[:1].shape


@over("explainer")
def test_an_explanation_is_of_its_own_row(card):
    model, x, y = looked_at(card)
    model, x = model.double(), x.double()
    whole = look(card, model, x, y)
    for i in range(len(x)):
        single = look(card, model, x[i : i + 1], y[i : i + 1])
        torch.testing.assert_close(single[0], whole[i], rtol=1e-8, atol=1e-10)


@over("explainer")
def test_an_explanation_depends_on_the_target(card):
    model, x, y = looked_at(card)
    assert not torch.allclose(look(card, model, x, y), look(card, model, x, (y + 1) % 3))


@over("attack")
def test_an_attack_stays_valid_and_within_eps(card):
    model, x, y = looked_at(card)
    low, high = model.signature.input.bounds
    for eps in (0.0, 0.01, 0.3):
        result = look(card, model, x, y, **of_size(card, eps))
        assert result.min() >= low
        assert result.max() <= high
        assert not of_size(card, eps) or (result - x).abs().max() <= eps + 1e-6


def of_size(card, eps):
    """The size of an attack, where it is told one and does not look for the least itself."""
    return {"eps": eps} if "eps" in hyperparameters(card) else {}


@over("attack")
def test_an_attack_makes_answers_worse(card):
    model, x, _ = looked_at(card)
    model.eval()
    y = model(x).argmax(1)
    loss = torch.nn.functional.cross_entropy
    assert loss(model(look(card, model, x, y, **of_size(card, 0.3))), y) > loss(model(x), y) + 0.01
