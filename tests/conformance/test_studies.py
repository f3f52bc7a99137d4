"""Every study looks at a model, leaves it as it is, and tells plain values, the same each time."""

import json

import torch

from cartograd.core.build import build
from tests.conformance.support import global_state_untouched, judged_model, over, untouched


def many():
    """A model with every trap, and enough examples of each class."""
    model, *_ = judged_model()
    return model, torch.rand(60, 2, 5, 5), torch.arange(60) % 3


def looked(card, model, x, y):
    return build(card.name, kind=card.kind, **card.tiny)(model, x, y)


@over("study")
def test_a_study_leaves_no_trace(card):
    model, x, y = many()
    before = x.clone(), y.clone()
    with global_state_untouched(), untouched(model):
        looked(card, model, x, y)
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])


@over("study")
def test_a_study_tells_the_same_each_time(card):
    first, second = (looked(card, *many()) for _ in range(2))
    assert json.dumps(first.to_json()) == json.dumps(second.to_json())
    assert all(len(row) == len(first.columns) for row in first.rows())


@over("study")
def test_a_study_works_under_no_grad_and_with_frozen_weights(card):
    expected = looked(card, *many()).to_json()
    model, x, y = many()
    model.requires_grad_(False)
    with torch.no_grad():
        assert looked(card, model, x, y).to_json() == expected
