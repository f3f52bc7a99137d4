"""Every verifier looks at a model, leaves it as it found it, and proves nothing that is false."""

import torch

from cartograd.core.build import build
from cartograd.core.certificate import Certificate
from tests.conformance.support import global_state_untouched, looked_at, over, untouched


def proved(card, model, x, y):
    return build(card.name, kind=card.kind, **card.tiny)(model, x, y)


@over("verifier")
def test_a_certificate_is_of_each_example(card):
    model, x, y = looked_at(card)
    before = x.clone(), y.clone()
    with global_state_untouched(), untouched(model):
        found = proved(card, model, x, y)
    assert isinstance(found, Certificate)
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])
    assert found.proved.shape == found.refuted.shape == found.size.shape == y.shape
    assert found.proved.dtype == found.refuted.dtype == torch.bool
    assert found.found.shape == x.shape
    assert not found.found.requires_grad
    assert not (found.proved & found.refuted).any()


@over("verifier")
def test_wrong_answers_are_never_proved(card):
    model, x, _ = looked_at(card)
    right = model.eval()(x).argmax(1)
    found = proved(card, model, x, (right + 1) % 3)
    assert not found.proved.any()


@over("verifier")
def test_what_refutes_is_answered_otherwise(card):
    model, x, y = looked_at(card)
    found = proved(card, model, x, y)
    answers = model.eval()(found.found).argmax(1)
    assert (answers != y)[found.refuted].all()


@over("verifier")
def test_a_verifier_repeats_and_works_without_gradients(card):
    model, x, y = looked_at(card)
    first = proved(card, model, x, y)
    model.requires_grad_(False)
    with torch.inference_mode():
        second = proved(card, model, x, y)
    assert torch.equal(first.proved, second.proved)
    assert torch.equal(first.size, second.size)


@over("verifier")
def test_a_verifier_takes_one_example(card):
    model, x, y = looked_at(card)
    assert proved(card, model, x[:1], y[:1]).size.shape == (1,)
