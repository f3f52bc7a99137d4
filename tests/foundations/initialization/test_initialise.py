import pytest
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.foundations.initialization.initialise import initialise


def test_layers_are_filled_and_the_rest_is_left():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))
    assert initialise(model, "constant:value=7") is model
    assert all((model[i].weight == 7).all() and not model[i].bias.any() for i in (0, 3))
    assert (model[1].weight == 1).all()


def test_layers_without_a_bias_are_fine():
    assert initialise(nn.Linear(2, 3, bias=False), "xavier").bias is None


def test_unknown_names_and_models_without_layers_are_refused():
    with pytest.raises(UsageError, match="did you mean 'kaiming'"):
        initialise(nn.Linear(2, 3), "keiming")
    with pytest.raises(UsageError, match="has no dense or convolutional layer"):
        initialise(nn.BatchNorm1d(3), "kaiming")
