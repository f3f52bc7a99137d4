"""Clients for the tests: little data, a little network, and the textbook's averaging beside it."""

import copy

import torch
from torch import nn

from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Loss
from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.fit import fit
from cartograd.frontier.federated.fedavg import fedavg
from cartograd.training.objectives.classify import Classify

SIGNATURE = Signature((Port("x", "vector", (6,)),), (Port("y", "label", (3,)),))
ROWS = 43


def part(dtype=torch.float64, rows=ROWS):
    g = torch.Generator().manual_seed(0)
    return Split(torch.randn(rows, 6, generator=g).to(dtype), torch.arange(rows) % 3, SIGNATURE)


def network(dtype=torch.float64):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)


def founded(make=fedavg, model=None, size=ROWS, seed=3, data=None, **given):
    model = network() if model is None else model
    data = part(next(model.parameters()).dtype) if data is None else data
    return make(Classify(model=model), data, size, seed, **{"clients": 4} | given)


def trained(federation, rounds=1, optimizer="sgd:lr=1", **more):
    run = fit(federation, federation.batches(), epochs=rounds, optimizer=optimizer, **more)
    return row(federation), run


def row(federation):
    return federation.local.begin()


def averaged(federation, steps, lr):
    """Steps on all examples of each client by torch's own SGD, and the mean of the weights."""
    part, found = federation.local.part, []
    for own in federation.clients:
        model = copy.deepcopy(federation.local.module)
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(part.inputs[own]), part.targets[own])
            loss.backward()
            optimizer.step()
        found.append(nn.utils.parameters_to_vector(model.parameters()).detach())
    shares = torch.tensor([len(own) for own in federation.clients]).double() / len(part)
    return sum(share * one for share, one in zip(shares, found, strict=True))


class Squares(nn.Module):
    """A line through the origin that learns by squared errors."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(1, 1, bias=False).double()
        nn.init.zeros_(self.line.weight)
        self.players = {"model": self.line}

    def losses(self, batch):
        yield Loss((self.line(batch[0]) - batch[1]).square().sum(1) / 2)


def lines():
    """Examples whose halves have other slopes, 0 and 3, and count otherwise for the common one."""
    x = torch.tensor([[1.0], [1.0], [3.0], [3.0]]).double()
    signature = Signature((Port("x", "vector", (1,)),), (Port("y", "vector", (1,)),))
    return Split(x, torch.tensor([[0.0], [0.0], [9.0], [9.0]]).double(), signature)
