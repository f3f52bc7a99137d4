"""Models on shares: the same answers, in one process and in several."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.engine.distributed.process_group import process_group
from cartograd.frontier.secure_inference.additive_shares import additive_shares
from tests.programs import Program

MODELS = {
    "mlp:features=12,classes=5,widths=[16,8]": (6, 12),
    "lenet5:channels=1,size=12,classes=4,activation=relu": (2, 1, 12, 12),
    "resnet:depth=8,channels=1,size=8,classes=4": (2, 1, 8, 8),
}


def model(spec):
    torch.manual_seed(0)
    made = cg.build(spec)
    for part in made.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.5, 2)
    return made


def inputs(shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.law("additive-shares")
@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("spec", MODELS)
def test_answers_are_those_of_plain_text(spec, parties):
    made, x = model(spec), inputs(MODELS[spec])
    secured = additive_shares(made, parties=parties, secret=1)
    before = {name: one.clone() for name, one in made.state_dict().items()}
    found = secured(x)
    assert made.training
    assert all(torch.equal(one, before[name]) for name, one in made.state_dict().items())
    right = made.eval()(x).detach()
    assert right.std(0).max() > 0.002
    torch.testing.assert_close(found, right, atol=3e-4, rtol=0)
    assert torch.equal(found.argmax(1), right.argmax(1))


@pytest.mark.law("additive-shares")
def test_one_layer_is_within_the_told_error():
    """Each factor is off by half a unit of 2^-16, the sum by one, and the bias by half of one."""
    g = torch.Generator().manual_seed(3)
    layer = nn.Linear(100, 10)
    x = torch.randn(200, 100, generator=g)
    unit, weight = 2.0**-16, layer.weight.detach()
    bound = unit / 2 * (weight.abs().sum(1) + x.abs().sum(1, keepdim=True)) + 100 * unit**2 / 4
    off = (additive_shares(layer, secret=2)(x) - layer(x).detach()).abs()
    assert (off <= bound + 1.5 * unit + 1e-6).all()
    assert 1e-6 < off.max() < 1e-3
    exacter = additive_shares(layer, secret=2, fraction_bits=22)(x)
    assert (exacter - layer(x).detach()).abs().max() < off.max() / 10


def apart(rank: int, size: int, folder: str) -> None:
    """A party, or (the last) the one who deals and asks."""
    store = str(Path(folder) / "store")
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(size), CARTOGRAD_STORE=store)
    torch.set_num_threads(1)
    process_group()
    spec, shape = next(iter(MODELS.items()))
    made, x = model(spec), inputs(shape)
    if rank < size - 1:  # a party has neither the weights nor the inputs
        for weight in made.parameters():
            nn.init.zeros_(weight)
        x = torch.zeros_like(x)
    secured = additive_shares(made, parties=size - 1, secret=1)
    found = secured(x)
    refused = ""
    try:
        additive_shares(made, parties=size)
    except UsageError as error:
        refused = str(error)
    by = secured.parties
    torch.save((found, by.sent, by.rounds, by.dealt, refused), Path(folder) / f"{rank}.pt")


@pytest.mark.law("additive-shares")
def test_parties_in_processes_of_their_own_answer_as_those_in_one(tmp_path):
    programs = [Program(apart, rank, 3, str(tmp_path)) for rank in range(3)]
    said = [program.communicate(timeout=300)[1] for program in programs]
    assert [program.returncode for program in programs] == [0, 0, 0], "\n".join(said)
    spec, shape = next(iter(MODELS.items()))
    made, x = model(spec), inputs(shape)
    secured = additive_shares(made, parties=2, secret=1)
    right, by = secured(x), secured.parties
    told = [torch.load(tmp_path / f"{rank}.pt") for rank in range(3)]
    torch.testing.assert_close(told[2][0], right, atol=1e-4, rtol=0)
    torch.testing.assert_close(told[2][0], made.eval()(x).detach(), atol=2e-4, rtol=0)
    for rank in range(2):
        assert not torch.allclose(told[rank][0], right, atol=1e-2)
    for one in told:
        assert one[1:4] == (by.sent, by.rounds, by.dealt)
        assert "parties=3 need 4 processes" in one[4]


class Odd(nn.Module):
    def forward(self, x):
        return x.softmax(1)


REFUSED = {
    "softmax": (Odd(), "has no softmax; it has"),
    "tanh": (nn.Tanh(), "has no tanh"),
    "padding of a pool": (nn.MaxPool2d(2, padding=1), "no pooling with padding"),
    "padding by name": (nn.Conv2d(1, 1, 3, padding="same"), "padding by name"),
    "statistics of the batch": (nn.BatchNorm2d(1, track_running_stats=False), "kept statistics"),
    "pooling to two": (nn.AdaptiveAvgPool2d(2), "global average pooling"),
    "another clamp": (nn.ReLU6(), "secure inference has no hardtanh"),
    "numbers that overflow": (nn.Conv2d(1, 1, 1).requires_grad_(False), "does not fit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_shares_cannot_do_is_refused_by_name(name):
    made, why = REFUSED[name]
    if name == "numbers that overflow":
        made.weight.fill_(1e9)
    with pytest.raises(UsageError, match=why):
        additive_shares(made)(torch.rand(2, 1, 4, 4))


def test_operators_of_a_model_of_ones_own():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))

        def forward(self, x):
            y = (x - 0.5) / torch.tensor([1.0, 2.0, 4.0]) + 3 * x
            z = (1 - y) * self.scale + x.mean(1, keepdim=True)
            return torch.relu(z).clamp(min=0).view(-1, 3)[:, 1:] * x[:, :2] - x[:, :2].contiguous()

    x = inputs((5, 3)) * 4
    made = Own()
    torch.testing.assert_close(
        additive_shares(made, parties=3)(x), made(x).detach(), atol=1e-3, rtol=0
    )
