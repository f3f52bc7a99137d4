import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cartograd.frontier.privacy.per_example import ExampleGradients


class Tokens(nn.Module):
    """A table with padding, a layer that is used twice, a ReLU in place, a normalisation."""

    def __init__(self):
        super().__init__()
        self.table, self.norm = nn.Embedding(11, 6, padding_idx=0), nn.LayerNorm(6)
        self.dense, self.last = nn.Linear(6, 6), nn.Linear(6, 5)

    def forward(self, x):
        return self.last(self.dense(self.norm(self.dense(self.table(x))).relu_()).mean(1))


class TimeFirst(nn.Module):
    """Its layers see the examples along the second dimension."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(4, 5)

    def forward(self, x):
        return self.dense(x.transpose(0, 1)).mean(0)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.last = nn.LSTM(4, 6, batch_first=True), nn.Linear(6, 5)

    def forward(self, x):
        return self.last(self.lstm(x)[0][:, -1])


class Own(nn.Module):
    """A product that is written out."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 5))

    def forward(self, x):
        return x[:, 0] @ self.weight


def cases():
    """Networks, an example of their input, and the way that is right for them."""
    tokens = torch.tensor([[1, 2, 1, 0], [5, 5, 5, 5], [0, 0, 0, 1], [9, 10, 3, 0]])
    series, images = torch.randn(4, 3, 4), torch.randn(4, 2, 9, 8)
    return {
        "dense": (
            nn.Sequential(
                nn.Flatten(), nn.Linear(12, 7), nn.ReLU(inplace=True), nn.Linear(7, 5, bias=False)
            ),
            series,
            "watched",
        ),
        "images": (
            nn.Sequential(
                nn.Conv2d(2, 8, 3, padding=1, stride=2), nn.GroupNorm(2, 8), nn.ReLU(inplace=True),
                nn.Conv2d(8, 8, (3, 2), groups=4, dilation=(1, 2)), nn.Flatten(), nn.Linear(48, 5),
            ),
            images,
            "watched",
        ),
        "series": (
            nn.Sequential(
                nn.Conv1d(3, 8, 2), nn.InstanceNorm1d(8, affine=True), nn.Tanh(), nn.RMSNorm(3),
                nn.Flatten(), nn.Linear(24, 5),
            ),
            series,
            "watched",
        ),
        "tokens": (Tokens(), tokens, "watched"),
        "time first": (TimeFirst(), torch.randn(4, 6, 4), "vmap"),
        "written out": (Own(), series, "vmap"),
        "fused": (Recurrent(), series, "alone"),
    }  # fmt: skip


def gradients(model):
    def each(batch):
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    return ExampleGradients(model, each), each


@pytest.mark.place("privacy/dp")
@pytest.mark.law("dp-sgd")
@pytest.mark.parametrize("clip", [0.05, 1e6])
@pytest.mark.parametrize("name", cases())
def test_gradients_are_those_of_examples_alone(name, clip):
    torch.manual_seed(0)
    model, x, way = cases()[name]
    model = model.double()
    x = x.double() if x.is_floating_point() else x
    y = torch.tensor([0, 3, 1, 1])
    ours, each = gradients(model)
    totals, lengths, losses = ours.clipped((x, y), clip)
    assert ours.way == way
    weights = list(model.parameters())
    expected = [torch.zeros_like(w) for w in weights]
    for place in range(4):
        alone = each((x[place : place + 1], y[place : place + 1])).sum()
        found = torch.autograd.grad(alone, weights)
        length = torch.cat([one.flatten() for one in found]).norm()
        torch.testing.assert_close(lengths[place], length, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(losses[place], alone.detach(), rtol=1e-10, atol=1e-12)
        for total, one in zip(expected, found, strict=True):
            total += one * min(1.0, clip / length.item())
    for mine, theirs in zip(totals, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    assert all(weight.grad is None for weight in weights)


def test_long_sequences_and_wide_layers_take_the_shorter_way_to_the_same_lengths():
    """Lengths by products of positions, and by gradients that are formed."""
    torch.manual_seed(0)
    for places, width in ((2, 40), (40, 2)):
        model = nn.Linear(width, width).double()
        x = torch.randn(3, places, width).double()
        ours = ExampleGradients(model, lambda b, m=model: m(b[0]).square().sum((1, 2)))
        torch.testing.assert_close(ours.clipped((x,), 1.0)[1], ours._alone((x,), 1.0)[1])


def test_nothing_is_left_on_the_model():
    model = cases()["images"][0].train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ours, _ = gradients(model)
    ours.clipped((torch.randn(4, 2, 9, 8), torch.tensor([0, 1, 2, 3])), 1.0)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
