"""A small network that knows real digits, trained once."""

import copy
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, sign
from tests.reference import Reference

datasets = Reference("sklearn.datasets")


class Judge(NamedTuple):
    model: Signed
    x: Tensor
    y: Tensor


@pytest.fixture(scope="session")
def judge():
    """A ReLU network in evaluation mode, and the 397 digits it has not seen."""
    torch.manual_seed(0)
    data = datasets.load_digits()
    x = torch.from_numpy(data.images).float()[:, None] / 16
    y = torch.from_numpy(data.target).long()
    pixels = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0), mean=(0.3,), std=(0.38,))
    digit = Port("digit", "label", (10,), labels=tuple("0123456789"))
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 16, 10),
    )
    model = sign(net, Signature((pixels,), (digit,)))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(4):
        for rows in torch.randperm(1400).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    optimizer.zero_grad()
    model.eval()
    assert (model(x[1400:]).argmax(1) == y[1400:]).float().mean() > 0.9
    return Judge(model, x[1400:], y[1400:])


@pytest.fixture
def modest(judge):
    """The same in double precision and less sure, so that no probability is rounded to 1."""
    model = copy.deepcopy(judge.model).double()
    last = model.model[-1]
    last.weight.data.mul_(0.2)
    last.bias.data.mul_(0.2)
    return Judge(model, judge.x[:120].double(), judge.y[:120])
