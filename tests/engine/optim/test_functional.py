import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.optim.functional import FunctionalOptimizer
from cartograd.engine.optim.optimizers import optimizer


def stepped(spec, model, x, *, steps, state=None):
    made = optimizer(spec, model.parameters())
    if state is not None:
        made.load_state_dict(state)
    for _ in range(steps):
        made.zero_grad()
        model(x).square().mean().backward()
        made.step()
    return made


def test_own_rules_go_by_name_and_torchs_come_first():
    layer = nn.Linear(2, 2)
    assert isinstance(optimizer("lion", layer.parameters()), FunctionalOptimizer)
    assert type(optimizer("adam", layer.parameters())) is torch.optim.Adam
    made = optimizer("momentum:lr=0.5", layer.parameters())
    assert made.defaults == {"lr": 0.5, "momentum": 0.9}


def test_equals_torch_through_the_wrapper():
    torch.manual_seed(1)
    one, x = nn.Linear(3, 2).double(), torch.randn(5, 3, dtype=torch.float64)
    other = nn.Linear(3, 2).double()
    other.load_state_dict(one.state_dict())
    stepped("momentum:lr=0.1", one, x, steps=5)
    stepped("sgd:lr=0.1,momentum=0.9", other, x, steps=5)
    torch.testing.assert_close(one.weight, other.weight, rtol=0, atol=1e-12)


def test_resumes_from_its_state():
    x = torch.randn(5, 3)
    torch.manual_seed(1)
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.load_state_dict(one.state_dict())
    stepped("lion:lr=0.01", one, x, steps=6)
    half = stepped("lion:lr=0.01", other, x, steps=3)
    stepped("lion:lr=0.01", other, x, steps=3, state=half.state_dict())
    assert torch.equal(one.weight, other.weight)


def test_mistakes_are_named():
    layer = nn.Linear(2, 2)
    with pytest.raises(UsageError, match="unknown argument of lion 'beta'"):
        optimizer("lion:beta=0.9", layer.parameters())
    with pytest.raises(UsageError, match="out of range"):
        optimizer("lion:lr=-1.0", layer.parameters())
    with pytest.raises(UsageError, match="was given no parameters"):
        optimizer("lion", [])
