"""Scripted modules are diagnosed on copies with weights of their own."""

import warnings

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.diagnosis.gradient_noise import gradient_noise
from cartograd.training.diagnosis.layer_report import layer_report
from cartograd.training.diagnosis.twin import twin


def test_a_scripted_modules_copy_learns_by_itself():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.jit.script(nn.Linear(2, 2))
    before = [weight.clone() for weight in model.parameters()]
    objective = build("classify", model=model)
    batch = torch.rand(8, 2), torch.arange(8) % 2
    with twin(objective) as made:
        assert all(weight.is_leaf and weight.requires_grad for weight in made.parameters())
        torch.optim.SGD(made.parameters(), lr=1.0)
    assert gradient_noise(objective, [batch, batch]).scale >= 0
    assert all(map(torch.equal, before, model.parameters()))
    with pytest.raises(UsageError, match="layers of a scripted module cannot be looked at"):
        layer_report(objective, batch)
