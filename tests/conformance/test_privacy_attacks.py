"""Every attack on privacy leaves the model as it is, and tells plain values, the same each time."""

import json

import torch

from cartograd.core.build import build
from tests.conformance.support import global_state_untouched, judged_model, over, untouched


def attacked():
    """A model with every trap, members and others."""
    model = judged_model()[0]
    draw = torch.Generator().manual_seed(0)
    x, y = torch.rand(40, 2, 5, 5, generator=draw), torch.arange(40) % 3
    return model, (x[:20], y[:20]), (x[20:], y[20:])


def tried(card, given):
    return build(card.name, kind=card.kind, **card.tiny)(*given)


@over("privacy-attack")
def test_an_attack_on_privacy_leaves_no_trace(card):
    model, members, others = attacked()
    before = [one.clone() for one in (*members, *others)]
    with global_state_untouched(), untouched(model):
        tried(card, (model, members, others))
    assert all(map(torch.equal, before, (*members, *others)))


@over("privacy-attack")
def test_an_attack_on_privacy_tells_the_same_each_time_and_under_no_grad(card):
    first = tried(card, attacked())
    model, members, others = attacked()
    model.requires_grad_(False)
    with torch.no_grad():
        second = tried(card, (model, members, others))
    assert json.dumps(first.to_json()) == json.dumps(second.to_json())
    assert all(len(row) == len(first.columns) for row in first.rows())
    assert isinstance(first.verdict, str)
    assert first.interval[0] <= first.value <= first.interval[1]
