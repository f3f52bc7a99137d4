import pytest
from torch import nn

from cartograd.core.eval_mode import evaluating


def modes(model):
    return [module.training for module in model.modules()]


def test_each_part_gets_its_own_mode_back():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))
    model[0].eval()
    before = modes(model)
    with evaluating(model):
        assert not any(modes(model))
    assert modes(model) == before

    with pytest.raises(KeyError), evaluating(model):
        raise KeyError
    assert modes(model) == before


def test_a_model_at_rest_is_not_touched():
    class Guarded(nn.Module):
        def train(self, mode=True):
            raise AssertionError("touched")

    model = Guarded()
    model.training = False
    with evaluating(model):
        pass
    assert not model.training
