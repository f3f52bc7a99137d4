"""Every study looks at a model, leaves it as it is, and tells plain values, the same each time."""

import json

import torch

from cartograd.core.build import build
from cartograd.frontier.explain.glassbox.concept_bottleneck import ConceptBottleneck
from cartograd.frontier.explain.glassbox.prototype_network import PrototypeNetwork
from tests.conformance.support import global_state_untouched, judged_model, over, untouched


def many(card):
    """A model with every trap (or of the sort that is studied), and examples of each class."""
    torch.manual_seed(0)
    x, y = torch.rand(60, 2, 5, 5), torch.arange(60) % 3
    if card.name in STUDIED:
        return STUDIED[card.name](), x, y
    return judged_model()[0], x, y


STUDIED = {
    "interventions": lambda: ConceptBottleneck(features=50, classes=3, concepts=((0,), (0, 1))),
    "prototypes": lambda: PrototypeNetwork(channels=2, size=5, classes=3, prototypes=2, width=4),
}
"""Models of studies that look at one sort alone."""


def looked(card, model, x, y):
    return build(card.name, kind=card.kind, **card.tiny)(model, x, y)


@over("study")
def test_a_study_leaves_no_trace(card):
    model, x, y = many(card)
    before = x.clone(), y.clone()
    with global_state_untouched(), untouched(model):
        looked(card, model, x, y)
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])


@over("study")
def test_a_study_tells_the_same_each_time(card):
    first, second = (looked(card, *many(card)) for _ in range(2))
    assert json.dumps(first.to_json()) == json.dumps(second.to_json())
    assert all(len(row) == len(first.columns) for row in first.rows())


@over("study")
def test_a_study_works_under_no_grad_and_with_frozen_weights(card):
    expected = looked(card, *many(card)).to_json()
    model, x, y = many(card)
    model.requires_grad_(False)
    with torch.no_grad():
        assert looked(card, model, x, y).to_json() == expected
