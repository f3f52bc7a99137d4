"""Bounds: never above what any input does, tighter as they cost more, and exact in the end."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.frontier.security.fgsm import fgsm
from cartograd.frontier.security.gain import margin
from cartograd.frontier.security.pgd import pgd
from cartograd.frontier.verification.bounds import backward, enclose
from cartograd.frontier.verification.network import read
from cartograd.frontier.verification.rules import Box
from tests.frontier.verification.nets import examples, networks, signed, trained

METHODS = ("ibp", "crown", "alpha-crown:steps=6")


def certificate(method, model, x, y, **settings):
    return build(method, kind="verifier", **settings)(model, x, y)


@pytest.mark.law("ibp", "crown", "alpha-crown")
@pytest.mark.parametrize("name", networks())
def test_no_input_does_worse_than_the_bound(name):
    """Random inputs, corners of the box and what an attack finds, all as the model is served."""
    model = signed(networks()[name], 1 if name == "one-logit" else 3)
    x, y = examples(model)
    eps = {"looking": 0.01, "grouped": 0.005}.get(name, 0.06)
    draw = torch.Generator().manual_seed(0)
    found = [certificate(method, model, x, y, eps=eps) for method in METHODS]
    worst = torch.full((len(x),), torch.inf)
    for _ in range(30):
        moved = 2 * torch.rand(x.shape, generator=draw) - 1
        for change in (moved, moved.sign()):
            worst = torch.minimum(worst, ahead(model, (x + eps * change).clamp(0, 1), y))
    worst = torch.minimum(worst, ahead(model, pgd(model, x, y, eps=eps, steps=15), y))
    sizes = [one.size for one in found]
    for size in sizes:
        assert (worst >= size).all()
    assert (sizes[1] >= sizes[0]).all()
    assert (sizes[1] > sizes[0] + 1e-3).any()
    assert (sizes[2] >= sizes[1] - 1e-6).all()
    assert (worst - sizes[1]).mean() < 0.75 * (worst - sizes[0]).mean()


def ahead(model, x, y):
    """By how much the right class is ahead, as the model is served."""
    with torch.no_grad():
        answers = model(x)
        if answers.shape[1] == 1:
            return answers[:, 0] * (2 * y - 1)
        return -margin(answers, y)


@pytest.mark.law("alpha-crown")
def test_chosen_slopes_are_better_on_a_deep_network():
    model = signed(networks()["relu"])
    x, y = examples(model)
    plain, best = (certificate(name, model, x, y, eps=0.1).size for name in METHODS[1:])
    assert (best > plain + 1e-3).all()


@pytest.mark.law("ibp")
def test_of_a_linear_network_the_bound_is_met():
    """The least margin of a linear network is that of the box's corner."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 3).double()
    port = Port("row", "vector", (5,), "float64", (0.0, 1.0))
    model = Signed(layer, Signature((port,), (Port("class", "label", (3,)),)))
    x = torch.rand(7, 5, dtype=torch.float64)
    y = model(x).argmax(1)
    eps = 0.2
    low, high = (x - eps).clamp(min=0), (x + eps).clamp(max=1)
    weight = (layer.weight[y][:, None] - layer.weight[None]).detach()
    bias = (layer.bias[y][:, None] - layer.bias[None]).detach()
    least = (weight.clamp(min=0) * low[:, None] + weight.clamp(max=0) * high[:, None]).sum(2) + bias
    least[torch.arange(7), y] = torch.inf
    for name in METHODS:
        size = certificate(name, model, x, y, eps=eps).size
        torch.testing.assert_close(size, least.amin(1), rtol=0, atol=1e-12)
        exact = certificate(name, model, x, y, eps=0.0).size
        torch.testing.assert_close(exact, ahead(model, x, y), rtol=0, atol=1e-12)


@pytest.mark.oracle("crown")
def test_crown_is_what_dense_matrices_give():
    """Two hidden layers, written out from the paper with matrices, line by line."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3))
    net.double()
    weights = [(net[i].weight.detach().numpy(), net[i].bias.detach().numpy()) for i in (0, 2, 4)]
    x, eps = np.random.default_rng(0).uniform(0.3, 0.7, 4), 0.2

    def lowest(rows, before):
        """Lower bounds of rows times what the layer after these gives."""
        a, c = rows, np.zeros(len(rows))
        for number in range(len(before), -1, -1):
            weight, bias = weights[number]
            a, c = a @ weight, c + a @ bias
            if number:
                low, high = before[number - 1]
                slope = np.where(low >= 0, 1, np.where(high <= 0, 0, high / (high - low)))
                under = np.where(low >= 0, 1, np.where(high <= 0, 0, high > -low))
                up, down = a.clip(min=0), a.clip(max=0)
                crossing = (low < 0) & (high > 0)
                c = c - (down * slope * np.where(crossing, low, 0)).sum(1)
                a = up * under + down * slope
        return a @ x - np.abs(a).sum(1) * eps + c

    one, two = np.eye(7), np.eye(6)
    first = (lowest(one, []), -lowest(-one, []))
    second = (lowest(two, [first]), -lowest(-two, [first]))
    straight = np.maximum(first[0], 0), np.maximum(first[1], 0)
    middle, radius = sum(straight) / 2, (straight[1] - straight[0]) / 2
    moved, spread = weights[1][0] @ middle + weights[1][1], np.abs(weights[1][0]) @ radius
    second = np.maximum(second[0], moved - spread), np.minimum(second[1], moved + spread)
    rows = np.array([[1.0, -1, 0], [0, 1, -1]])
    expected = lowest(rows, [first, second])

    point = torch.from_numpy(x)[None]
    network = read(net, point)
    found = enclose(network, Box(point - eps, point + eps))
    ours = backward(found, torch.from_numpy(rows)[None]).lower[0]
    np.testing.assert_allclose(ours.numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.law("crown", "branch-and-bound")
@pytest.mark.oracle("branch-and-bound")
@pytest.mark.parametrize("eps", [0.02, 0.05])
def test_the_sandwich_on_trained_digits(eps):
    """IBP <= CROWN <= exact <= PGD <= FGSM <= clean, example by example; exact is MILP's."""
    model, x, y = trained()
    x, y = x[:20], y[:20]
    chain = [certificate(name, model, x, y, eps=eps).proved for name in METHODS]
    exact = certificate("branch-and-bound", model, x, y, eps=eps)
    judge = certificate("milp", model, x[:2], y[:2], eps=eps)
    assert torch.equal(exact.proved | exact.refuted, torch.ones(20, dtype=torch.bool))
    assert torch.equal(exact.proved[:2], judge.proved)
    assert torch.equal(exact.refuted[:2], judge.refuted)
    moved = exact.found[exact.refuted]
    assert (model(moved).argmax(1) != y[exact.refuted]).all()
    assert ((moved - x[exact.refuted]).abs() <= eps).all()
    chain += [exact.proved]
    for made in (pgd(model, x, y, eps=eps, steps=20), fgsm(model, x, y, eps=eps), x):
        chain.append(model(made).argmax(1) == y)
    chain[-2] &= chain[-1]  # a step may mend a wrong answer
    for below, above in pairwise(chain):
        assert (below <= above).all()
    shares = [one.float().mean().item() for one in chain]
    assert shares[1] > shares[0]
    assert shares[3] > shares[1] or eps < 0.05
    assert shares[-1] > shares[3] or eps < 0.05
    lower = certificate("crown", model, x[:2], y[:2], eps=eps).size
    ours = ~judge.refuted
    assert (lower[ours] <= judge.size[ours] + 1e-6).all()


@pytest.mark.oracle("milp")
def test_the_programme_finds_the_least_margin_of_a_grid():
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.LeakyReLU(0.1),
                        nn.Linear(8, 3)).double()  # fmt: skip
    port = Port("point", "vector", (2,), "float64", (-2.0, 2.0))
    model = Signed(net, Signature((port,), (Port("class", "label", (3,)),)))
    x = torch.tensor([[0.3, -0.4], [1.0, 0.9]], dtype=torch.float64)
    y = model(x).argmax(1)
    eps, steps = 0.25, 200
    found = certificate("milp", model, x, y, eps=eps)
    at = torch.linspace(-eps, eps, steps + 1, dtype=torch.float64)
    grid = torch.cartesian_prod(at, at)
    for row in range(2):
        least = ahead(model, x[row] + grid, y[row].expand(len(grid))).min()
        assert found.size[row] <= least + 1e-6
        assert found.size[row] >= least - 0.02
    assert (found.size >= certificate("crown", model, x, y, eps=eps).size - 1e-6).all()


def test_roundings_of_the_served_model_are_within_the_slack():
    """Sums of thousands of numbers that nearly cancel, in any order."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4000, 5), nn.ReLU(), nn.Linear(5, 2))
    x = torch.randn(3, 4000) * 100
    network, point = read(net, x), x.double()
    found = enclose(network, Box(point, point))
    weights = torch.eye(2).double()[None].expand(3, -1, -1)
    low, high = backward(found, weights).lower, -backward(found, -weights).lower
    order = torch.randperm(4000)
    mixed = nn.Linear(4000, 5)
    mixed.weight.data, mixed.bias.data = net[0].weight[:, order].clone(), net[0].bias
    with torch.no_grad():
        served = [net(x), net[2](net[1](mixed(x[:, order])))]
        exact = net.double()(point)
    assert any(not torch.equal(one.double(), exact) for one in served)
    for one in (*served, exact):
        assert ((low <= one.double()) & (one.double() <= high)).all()
    assert ((high - low) < 0.05 * exact.abs().amax()).all()


def test_what_works_in_place_is_read_as_it_computes():
    def net(in_place):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.ReLU(in_place), nn.Linear(5, 2))

    x = torch.rand(3, 4)
    one, other = read(net(True), x), read(net(False), x)
    assert torch.equal(one(x.double()), other(x.double()))
    assert len(one.nodes) == len(other.nodes) == 4
    with pytest.raises(UsageError, match="slice_scatter"):  # of a part that nothing uses again
        read(Half(), x)


class Half(nn.Module):
    """Changes a part of its numbers in place."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        z = self.one(x)
        z[:, :2].relu_()
        return self.two(z)


class Looks(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LogSigmoid()
        self.blocks = nn.ModuleList(nn.Softsign() for _ in range(3))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@pytest.mark.parametrize(
    ("net", "told"),
    [
        (
            Looks(),
            r"abs \(blocks\.\* x 3, norm\).*div \(blocks\.\* x 3\); minimum \(norm\); those with",
        ),
        (nn.Sequential(nn.Linear(4, 2), nn.Softmax(0)), r"softmax \(1\)"),
    ],
)
def test_operations_without_a_rule_are_all_named(net, told):
    with pytest.raises(UsageError, match=told):
        read(net, torch.rand(3, 4))


class Crowd(nn.Module):
    """Looks at the examples beside."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(x - x.mean(0, keepdim=True))


def test_what_is_no_certificate_of_an_example_is_refused():
    row = Port("row", "vector", (4,), "float32", (0.0, 1.0))
    x, y = torch.rand(3, 4), torch.zeros(3).long()
    kinds = {
        "has the task 'regress'": Signed(
            nn.Linear(4, 1), Signature((row,), (Port("v", "value", (1,)),))
        ),
        "mean \\(model\\)": Signed(Crowd(), Signature((row,), (Port("c", "label", (2,)),))),
        "the input has no bounds": Signed(
            nn.Linear(4, 2),
            Signature((Port("row", "vector", (4,)),), (Port("c", "label", (2,)),)),
        ),
        "bounds are of float32 and float64": Signed(
            nn.Linear(4, 2).half(), Signature((row,), (Port("c", "label", (2,)),))
        ),
    }
    for told, model in kinds.items():
        with pytest.raises(UsageError, match=told):
            certificate("crown", model, x, y)
    with pytest.raises(UsageError, match="the classes asked for reach from 0 to 7"):
        certificate("ibp", signed(networks()["relu"]), torch.rand(2, 2, 4, 4), torch.tensor([0, 7]))
