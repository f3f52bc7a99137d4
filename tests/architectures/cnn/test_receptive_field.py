import pytest
import torch
from torch import nn

from cartograd.architectures.cnn.receptive_field import LAYERS, fields, receptive_field
from cartograd.core.build import build

NETWORKS = {  # spec, size of the image
    "lenet5": 32,
    "lenet5:pooling=avg": 28,
    "alexnet:width=4": 160,
    "vgg11:width=4": 96,
    "vgg13-bn:width=4": 33,
    "googlenet:width=8": 120,
    "googlenet-2014:width=8": 40,
    "inception-v3:width=4": 36,
    "resnet18:width=4": 140,
    "resnet20:width=4": 33,
    "resnet50:width=16,groups=4,widen=2": 40,
    "densenet:depth=16,growth_rate=2": 34,
    "efficientnet:phi=-14,lite=true,same_padding=true": 66,
    "efficientnet:phi=-14,lite=true": 40,
    "efficientnet:phi=-14": 40,
}


def averaging(model):
    """All weights positive and each kernel a mean, so that no gradient cancels or dies.

    A deep network pools by means too: the largest place of a window is seldom one at its edge.
    """
    pools = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.MaxPool2d)]
    for name, pool in pools if len(pools) > 2 else ():
        mean = nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode)
        model.set_submodule(name, mean)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                weight = torch.rand_like(layer.weight) + 0.5
                layer.weight.copy_(weight / weight.sum((1, 2, 3), keepdim=True))
                if layer.bias is not None:
                    layer.bias.zero_()
    return model.double().eval()


def extent(gradient, side):
    """First and last pixel with a gradient, along the rows (0) or columns (1)."""
    lit = gradient.abs().sum((0, 1)).sum(1 - side).nonzero().flatten()
    return int(lit[0]), int(lit[-1])


@pytest.mark.law("receptive-field")
@pytest.mark.parametrize("spec", NETWORKS)
def test_the_field_is_where_the_gradient_is(spec):
    size = NETWORKS[spec]
    model = averaging(build(spec, channels=1, size=size, classes=3))
    with torch.device("meta"):
        meta = build(spec, channels=1, size=size, classes=3)
    rows = fields(meta, torch.empty(1, 1, size, size, device="meta"))
    x = (torch.rand(8, 1, size, size, dtype=torch.float64) / 100).requires_grad_()
    maps = {}
    for name, layer in model.named_modules():
        if isinstance(layer, LAYERS):
            layer.register_forward_hook(lambda _, __, y, name=name: maps.__setitem__(name, y))
    model(x)
    assert [row.layer for row in rows] == list(maps)
    for row in rows[:: max(1, len(rows) // 12)]:
        y = maps[row.layer]
        assert tuple(y.shape[2:]) == row.size
        middle = [side // 2 for side in row.size]
        (gradient,) = torch.autograd.grad(y[:, :, middle[0], middle[1]].sum(), x, retain_graph=True)
        for side in (0, 1):
            first, last = extent(gradient, side)
            if row.jump[side] == 0:
                assert (first, last) == (0, size - 1)
                continue
            start = row.first[side] + middle[side] * row.jump[side]
            assert first == max(start, 0), (row, side)
            width = row.field[side]
            if width < size:
                assert last == min(start + width - 1, size - 1), (row, side)


@pytest.mark.paper("receptive-field")
@pytest.mark.parametrize(("count", "field"), [(1, 3), (2, 5), (3, 7)])
def test_small_kernels_in_a_row(count, field):
    layers = [nn.Conv2d(1, 1, 3, padding=1, device="meta") for _ in range(count)]
    rows = fields(nn.Sequential(*layers), torch.empty(1, 1, 32, 32, device="meta"))
    assert rows[-1].field == (field, field)
    assert rows[-1].first == (-count, -count)


@pytest.mark.paper("receptive-field")
def test_lenets_fields():
    found = [(row.layer, row.field[0], row.jump[0]) for row in receptive_field(model="lenet5")]
    assert found == [("c1", 5, 1), ("s2", 6, 2), ("c3", 14, 2), ("s4", 16, 4)]


def test_gaps_and_long_kernels():
    model = nn.Sequential(nn.Conv2d(1, 1, (1, 3), dilation=(1, 4)), nn.Conv2d(1, 1, (3, 1)))
    rows = fields(model.to("meta"), torch.empty(1, 1, 32, 32, device="meta"))
    assert [row.field for row in rows] == [(1, 9), (3, 9)]
