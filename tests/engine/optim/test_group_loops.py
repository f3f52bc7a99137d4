"""Rates by depth and name beside methods with steps of their own: equal to loops by hand."""

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

STEPS, LR = 5, 0.1
RATES = {"0.weight": 0.3, "0.bias": 0.02, "3.weight": LR / 2, "3.bias": 0.02, "6.weight": LR,
         "6.bias": 0.02}  # fmt: skip
"""`layer_decay=0.5` with these groups: the patterns' own rates are not multiplied further."""
GIVEN = {"layer_decay": 0.5, "groups": "*.bias:lr=0.02;0.*:lr=0.3"}


def model():
    return mlp(2, 6, 5, 2).double()


def rows():
    x, y = quadrants(24)
    return x.double(), y


def trained(objective, module, optimizer, **more):
    data = Toy(*rows(), batch_size=24, shuffle=False)
    fit(objective, data, optimizer=optimizer, epochs=STEPS, **GIVEN | more)
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def same(found, wanted):
    for name, weight in found.items():
        torch.testing.assert_close(weight, wanted[name], rtol=0, atol=1e-12, msg=name)


def slopes(module):
    x, y = rows()
    module.zero_grad()
    nn.functional.cross_entropy(module(x), y).backward()
    return {name: p.grad.clone() for name, p in module.named_parameters()}


@torch.no_grad()
def moved(module, by):
    for name, weight in module.named_parameters():
        weight.add_(by[name])


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_sharpness_aware_steps_from_the_worst_weights_at_each_ones_own_rate(decay):
    """Foret's loop: up to the worst weights, its gradient, back, and a step with momentum."""
    reach, momentum = 0.2, 0.9
    twin = model()
    velocity = {name: torch.zeros_like(p) for name, p in twin.named_parameters()}
    for _ in range(STEPS):
        here = slopes(twin)
        length = torch.stack([slope.norm() for slope in here.values()]).norm()
        up = {name: reach * slope / length for name, slope in here.items()}
        moved(twin, up)
        worst = slopes(twin)
        moved(twin, {name: -step for name, step in up.items()})
        weights = dict(twin.named_parameters())
        for name, slope in worst.items():
            shrunk = 0.0 if name.endswith("bias") else decay * weights[name].detach()
            velocity[name] = momentum * velocity[name] + slope + shrunk
        moved(twin, {name: -RATES[name] * v for name, v in velocity.items()})
    mine = model()
    objective = build("sharpness-aware", model=mine, reach=reach)
    spec = f"sgd:lr={LR},momentum={momentum},weight_decay={decay}"
    same(trained(objective, mine, spec), dict(twin.named_parameters()))


def test_proximal_shrinks_each_weight_by_its_own_rate():
    """Daubechies' loop: a step down the slope, then each weight nearer to zero by rate * price."""
    price, twin = 0.05, model()
    for _ in range(STEPS):
        found = slopes(twin)
        with torch.no_grad():
            for name, weight in twin.named_parameters():
                stepped = weight - RATES[name] * found[name]
                if weight.ndim > 1:
                    near = (stepped.abs() - RATES[name] * price).clamp(min=0)
                    stepped = stepped.sign() * near
                weight.copy_(stepped)
    mine = model()
    found = trained(Supervised(mine), mine, f"proximal:lr={LR},weight={price}")
    same(found, dict(twin.named_parameters()))
    assert any((weight == 0).any() for weight in found.values())


def test_proximal_and_sharpness_aware_together_with_a_schedule():
    """Half the rate at each step: what the groups give is scaled alike, and so is the shrinking."""
    price, reach, twin = 0.05, 0.2, model()
    for step in range(STEPS):
        rate = 0.5**step
        here = slopes(twin)
        length = torch.stack([slope.norm() for slope in here.values()]).norm()
        up = {name: reach * slope / length for name, slope in here.items()}
        moved(twin, up)
        worst = slopes(twin)
        moved(twin, {name: -back for name, back in up.items()})
        with torch.no_grad():
            for name, weight in twin.named_parameters():
                stepped = weight - rate * RATES[name] * worst[name]
                if weight.ndim > 1:
                    near = (stepped.abs() - rate * RATES[name] * price).clamp(min=0)
                    stepped = stepped.sign() * near
                weight.copy_(stepped)
    mine = model()
    found = trained(
        build("sharpness-aware", model=mine, reach=reach), mine,
        f"proximal:lr={LR},weight={price}", schedule="exponential:gamma=0.5",
    )  # fmt: skip
    same(found, dict(twin.named_parameters()))
