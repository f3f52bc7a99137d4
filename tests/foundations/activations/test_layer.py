import copy

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.foundations.activations.layer import Activation


def test_is_the_named_function():
    z = torch.randn(3, 4)
    assert torch.equal(Activation("tanh")(z), z.tanh())
    assert torch.equal(Activation("scaled-tanh:amplitude=1,steepness=1")(z), z.tanh())


def test_shows_its_name_and_can_be_copied():
    layer = Activation("scaled-tanh:amplitude=2.0")
    assert repr(layer) == "Activation(scaled-tanh:amplitude=2.0)"
    assert torch.equal(copy.deepcopy(layer)(torch.ones(2)), layer(torch.ones(2)))


def test_unknown_name_shows_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'relu'"):
        Activation("rleu")


def test_other_kinds_are_refused():
    with pytest.raises(UsageError, match="of kind 'model', expected 'activation'"):
        Activation("mlp")
