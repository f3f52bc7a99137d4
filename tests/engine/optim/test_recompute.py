"""Recomputing blocks: the same run to the bit, with less memory."""

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.recompute import blocks_of, recompute
from tests.engine.live_memory import LiveMemory
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, quadrants


class Block(nn.Module):
    """Everything that recomputing could get wrong: running statistics, dropout, a keyword."""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.3)

    def forward(self, x, *, scale=1.0):
        return x + scale * self.drop(torch.tanh(self.norm(self.linear(x))))


class Drifting(nn.Module):
    """Its output depends on a buffer that each run in training changes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("level", torch.zeros((), dtype=torch.float64))

    def forward(self, x):
        if self.training:
            self.level += 1
        return torch.sin(x * (1 + self.level))


def blocks(width=8, count=6):
    torch.manual_seed(0)
    body = nn.Sequential(*(Block(width) for _ in range(count)))
    return nn.Sequential(nn.Linear(2, width), body, nn.Linear(width, 2)).double()


def plain(width=8, count=9):
    torch.manual_seed(0)
    layers = [nn.Linear(2, width)]
    for number in range(count):
        layers += [
            nn.Linear(width, width),
            nn.Dropout(0.2) if number % 2 else nn.BatchNorm1d(width),
        ]
        layers.append(Drifting())
    return nn.Sequential(*layers, nn.Linear(width, 2)).double()


def step(net, names):
    x, y = quadrants(16)
    torch.manual_seed(3)
    for parameter in net.parameters():
        parameter.grad = None
    with recompute(net, blocks=names) if names else torch.enable_grad():
        nn.functional.cross_entropy(net(x.double()), y).backward()
    return [parameter.grad.clone() for parameter in net.parameters()], {
        key: value.clone() for key, value in net.state_dict().items()
    }


@pytest.mark.law("recompute")
@pytest.mark.parametrize("make", [blocks, plain])
def test_gradients_and_statistics_are_the_same(make):
    gradients, state = step(make(), None)
    again, other = step(make(), True)
    for a, b in zip(gradients, again, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)
    assert all(torch.equal(value, other[key]) for key, value in state.items())
    counts = [value for key, value in other.items() if "num_batches" in key]
    assert counts
    assert set(map(int, counts)) == {1}


def test_blocks_by_name():
    gradients, _ = step(blocks(), None)
    for names in (["1.0", "1.3"], ("1",), ["1.2-4"]):
        again, _ = step(blocks(), names)
        assert all(torch.equal(a, b) for a, b in zip(gradients, again, strict=True))


def test_what_is_chosen():
    assert blocks_of(blocks()) == [f"1.{number}" for number in range(6)]
    wrapped = nn.Module()
    wrapped.stages = nn.ModuleList([blocks()[1], blocks()[1]])
    assert blocks_of(wrapped) == ["stages.0", "stages.1"]
    assert blocks_of(plain()) == ["0-5", "6-11", "12-16", "17-22", "23-28"]
    with pytest.raises(
        UsageError, match="Linear has no sequence of blocks to recompute; name some"
    ):
        blocks_of(nn.Linear(2, 2))
    with pytest.raises(UsageError, match=r"unknown block to recompute '1.9'"):
        step(blocks(), ["1.9"])


def test_a_module_is_as_before_afterwards():
    net = blocks()
    before = [dict(module.__dict__) for module in net.modules()]
    with recompute(net, blocks=["1.0"]):
        assert "forward" in net[1][0].__dict__
        net.eval()
        with torch.no_grad():
            net(torch.zeros(2, 2, dtype=torch.float64))
        net.train()
    assert [set(module.__dict__) for module in net.modules()] == [set(one) for one in before]


@pytest.mark.law("recompute")
def test_the_peak_of_memory_falls():
    """24 blocks that keep 6 of their widths each: to a third or less, as counted to the byte."""

    def peak(names):
        torch.manual_seed(0)
        net = nn.Sequential(*(Block(64) for _ in range(24)))
        x = torch.randn(2048, 64)
        with LiveMemory() as memory, recompute(net, blocks=names) if names else torch.enable_grad():
            net(x).square().mean().backward()
        return memory.peak

    whole, less = peak(None), peak(True)
    assert less < whole / 3


@pytest.mark.law("recompute")
@pytest.mark.parametrize("asked", [True, "model.1.0,model.1.4", ["1.1"]])
def test_a_run_is_the_same(asked):
    x, y = quadrants(64)
    ends = []
    for recomputed in (False, asked):
        net = blocks()
        if isinstance(recomputed, str):
            recomputed = recomputed.replace("model.", "")
        options = {"epochs": 2, "optimizers": "adamw:lr=0.01", "clip": 1.0, "recompute": recomputed}
        run = fit(Supervised(net), Toy(x.double(), y, batch_size=16), accumulate=2, **options)
        ends.append((net.state_dict(), [record["train/loss"] for record in run.history]))
    assert ends[0][1] == pytest.approx(ends[1][1], rel=1e-12)
    for key, value in ends[0][0].items():
        torch.testing.assert_close(value, ends[1][0][key], atol=1e-12, rtol=0)
