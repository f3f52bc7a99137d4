import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.architectures.cnn.lenet5 import LeNet5
from cartograd.core.build import build
from cartograd.core.errors import UsageError


def count(module):
    return sum(weight.numel() for weight in module.parameters())


def sequential(squash, pool, *, padding):
    """The network as it is usually written down."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=padding), squash(), pool(2),
        nn.Conv2d(6, 16, 5), squash(), pool(2), nn.Flatten(),
        nn.Linear(400, 120), squash(), nn.Linear(120, 84), squash(), nn.Linear(84, 10),
    )  # fmt: skip


@pytest.mark.oracle("lenet5")
@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize(
    ("name", "squash", "pool"),
    [("lenet5", nn.ReLU, nn.MaxPool2d), ("lenet5-tanh", nn.Tanh, nn.AvgPool2d)],
)
def test_equals_a_sequential_with_gradients(name, squash, pool, size):
    ours = build(name, size=size).double()
    theirs = sequential(squash, pool, padding=(32 - size) // 2).double()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(mine.data)
    x = torch.randn(3, 1, size, size, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-10)
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=0, atol=1e-10)


@pytest.mark.paper("lenet5")
def test_parameters_of_todays_form():
    model = LeNet5()
    layers = model.c1, model.c3, model.c5, model.f6, model.output
    assert [count(layer) for layer in layers] == [156, 2_416, 48_120, 10_164, 850]
    assert count(model) == 61_706


@pytest.mark.paper("lenet5")
def test_parameters_of_the_1998_form():
    model = build("lenet5-1998")
    layers = model.c1, model.s2, model.c3, model.s4, model.c5, model.f6, model.output
    assert [count(layer) for layer in layers] == [156, 12, 1_516, 32, 48_120, 10_164, 0]
    assert count(model) == 60_000


@pytest.mark.paper("lenet5")
def test_connections_of_the_1998_form():
    """Each weight counts once for every place where it is used; the pictures' 840 belong to it."""
    model, connections = build("lenet5-1998"), {}
    for name in ("c1", "s2", "c3", "s4", "c5", "f6"):
        layer = model.get_submodule(name)

        def record(layer, _, output, name=name):
            places = output[0, 0].numel() if output.dim() == 4 else 1
            summed = 5 / 2 if name in ("s2", "s4") else 1  # four pixels share a weight
            connections[name] = int(count(layer) * summed * places)

        layer.register_forward_hook(record)
    model(torch.zeros(1, 1, 32, 32))
    connections["output"] = model.output.pictures.numel()
    assert connections == {
        "c1": 122_304, "s2": 5_880, "c3": 151_600, "s4": 2_000, "c5": 48_120, "f6": 10_164,
        "output": 840,
    }  # fmt: skip
    assert sum(connections.values()) == 340_908


@pytest.mark.law("lenet5")
def test_sparse_c3_is_blind_to_what_its_table_leaves_out():
    c3 = build("lenet5-1998").c3
    x = torch.randn(1, 6, 14, 14, requires_grad=True)
    for out, row in ((0, {0, 1, 2}), (5, {5, 0, 1}), (14, {0, 2, 3, 5}), (15, set(range(6)))):
        (gradient,) = torch.autograd.grad(c3(x)[0, out].sum(), x)
        assert set(gradient[0].flatten(1).any(1).nonzero().flatten().tolist()) == row


@pytest.mark.parametrize("size", [8, 27, 28, 31, 32, 33, 64])
def test_images_of_any_size(size):
    assert LeNet5(size=size, classes=3)(torch.rand(2, 1, size, size)).shape == (2, 3)


def test_small_images_are_enlarged_to_the_papers_field():
    small, whole = LeNet5(size=8), LeNet5(size=32)
    whole.load_state_dict(small.state_dict())
    x = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(small(x), whole(F.interpolate(x, size=32, mode="bilinear")))


def test_1998_output_is_largest_for_the_picture_itself():
    output = build("lenet5-1998").output
    assert output.pictures.shape == (10, 84)
    assert torch.equal(output(output.pictures).argmax(1), torch.arange(10))
    assert (output(output.pictures).diag() == 0).all()


def test_more_classes_than_pictures_are_refused():
    with pytest.raises(UsageError, match="there are 26 classes; use output=linear"):
        build("lenet5-1998", classes=26)
