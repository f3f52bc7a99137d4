"""Every optimizer's rule is a pure function that leads downhill."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.engine.optim.optimizers import optimizer
from tests.conformance.support import global_state_untouched, over


def path(card, *, steps, lr=0.01):
    """The distance from the minimum of a bowl after each step."""
    update = build(card.name, kind=card.kind, lr=lr, **card.tiny)
    weight, memory, found = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), {}, []
    for _ in range(steps):
        weight, memory = update(weight, 2 * weight, memory)
        found.append(weight.norm().item())
    return found


@over("optimizer")
def test_a_rule_leads_downhill(card):
    with global_state_untouched():
        distances = path(card, steps=500)
    assert distances[0] < torch.tensor([1.0, -2, 0.5, 3]).norm()
    assert min(distances) < 0.93 * distances[0]
    assert path(card, steps=1, lr=0.0)[0] == torch.tensor([1.0, -2, 0.5, 3]).norm().item()


@over("optimizer")
def test_a_rule_leaves_what_it_is_given_alone(card):
    update = build(card.name, kind=card.kind, **card.tiny)
    weight, gradient = torch.randn(3, 2), torch.randn(3, 2)
    _, memory = update(weight, gradient, {})
    before = [tensor.clone() for tensor in (weight, gradient, *memory.values())]
    update(weight, gradient, memory)
    after = (weight, gradient, *memory.values())
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


@over("optimizer")
def test_a_training_run_finds_it_by_name(card):
    layer = nn.Linear(3, 2, bias=False)
    before = layer.weight.detach().clone()
    layer(torch.randn(5, 3)).square().sum().backward()
    made = optimizer(card.name, layer.parameters())
    made.step()
    assert not torch.equal(layer.weight, before)
