"""Every regulariser: a layer does nothing in evaluation, whatever it does in training."""

import torch
from torch import nn

from cartograd.core.build import build, entry, hyperparameters
from cartograd.training.regularization.terms import tensors
from tests.conformance.support import global_state_untouched, over


@over("regulariser")
def test_a_layer_rests_in_evaluation(card):
    made = build(card.name, kind=card.kind, **card.tiny)
    if not isinstance(made, nn.Module):
        return
    x = torch.randn(64, 3)
    assert not torch.equal(made.train()(x), x)
    with global_state_untouched():
        assert torch.equal(made.eval()(x), x)


@over("regulariser")
def test_a_penalty_is_one_number_that_grows_with_the_weights(card):
    if tensors(card) != 1:
        return
    weight = torch.randn(4, 3, requires_grad=True)
    one, two, zero = (build(card.name, kind=card.kind)(factor * weight) for factor in (1, 2, 0))
    assert one.shape == ()
    assert two > one > zero == 0
    if "weight" in hyperparameters(card):
        assert entry(card)(weight, weight=0.0) == 0


@over("regulariser")
def test_a_blend_of_examples_is_its_generators_alone(card):
    if tensors(card) != 3:
        return
    x, targets = torch.rand(6, 3, 8, 8), torch.eye(6)
    before = x.clone()
    with global_state_untouched():
        found = [
            build(card.name, kind=card.kind)(x, targets, torch.Generator().manual_seed(1))
            for _ in range(2)
        ]
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(x, before)
