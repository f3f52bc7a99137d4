import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cartograd.architectures.cnn.resnet import Basic, Padding, ResNet
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.cnn.support import count as total
from tests.architectures.cnn.support import giga, narrowed, published, same, shapes, stirred
from tests.reference import Reference

torchvision = Reference("torchvision")


PUBLISHED = {  # parameters and multiply-adds at 224 pixels
    18: (11_689_512, 1.814),
    34: (21_797_672, 3.664),
    50: (25_557_032, 4.089),
    101: (44_549_160, 7.801),
    152: (60_192_808, 11.514),
}

WIDER = ("resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2")
COUNTED = {"resnext50_32x4d": 25_028_904, "wide_resnet50_2": 68_883_240}


def count(model):
    return sum(weight.numel() for weight in model.parameters())


def reference(depth, **args):
    return torchvision.models.get_model(f"resnet{depth}", weights=None, **args)


@pytest.mark.oracle("resnet")
@pytest.mark.parametrize("depth", [18, 50])
def test_equals_torchvision_with_gradients(depth):
    ours = build(f"resnet{depth}", classes=7).double()
    theirs = reference(depth, num_classes=7).double()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    z, expected = ours(x), theirs(x)
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-10)
    weights = torch.randn_like(z)
    (z * weights).sum().backward()
    (expected * weights).sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-10, atol=1e-10)
    for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-10)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=0, atol=1e-10)


@pytest.mark.oracle("resnet")
def test_resnext_equals_torchvision_with_gradients():
    ours = stirred(build("resnext50_32x4d", width=32, classes=5))
    with torch.device("meta"):
        theirs = torchvision.models.resnext50_32x4d(num_classes=5)
    same(ours, narrowed(theirs, ours), size=66)


@pytest.mark.oracle("resnet")
@pytest.mark.parametrize("name", WIDER)
def test_state_dict_fits_torchvisions_wider_forms(name):
    with torch.device("meta"):
        assert shapes(build(name)) == shapes(torchvision.models.get_model(name))


@pytest.mark.paper("resnet")
@pytest.mark.parametrize("name", WIDER)
def test_published_parameters_of_wider_forms(name):
    assert (total(name), giga(name)) == published(name)
    if name in COUNTED:
        assert total(name) == COUNTED[name]


@pytest.mark.oracle("resnet")
@pytest.mark.parametrize("depth", PUBLISHED)
def test_state_dict_fits_torchvisions(depth):
    with torch.device("meta"):
        ours, theirs = build(f"resnet{depth}"), reference(depth)
    assert [(name, value.shape) for name, value in ours.state_dict().items()] == [
        (name, value.shape) for name, value in theirs.state_dict().items()
    ]


@pytest.mark.oracle("resnet")
def test_starts_as_torchvisions():
    ours, theirs = build("resnet18"), reference(18)
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert mine.std(correction=0).item() == pytest.approx(
            other.std(correction=0).item(), rel=0.05
        ), name


@pytest.mark.paper("resnet")
@pytest.mark.parametrize("depth", PUBLISHED)
def test_published_parameters_and_multiply_adds(depth):
    parameters, giga = PUBLISHED[depth]
    with torch.device("meta"):
        model, x = build(f"resnet{depth}"), torch.empty(1, 3, 224, 224)
        with FlopCounterMode(display=False) as counter:
            model(x)
    assert count(model) == parameters
    assert round(counter.get_total_flops() / 2e9, 3) == giga
    recorded = torchvision.models.get_model_weights(f"resnet{depth}").DEFAULT.meta
    assert recorded["num_params"] == parameters
    assert recorded["_ops"] == giga


@pytest.mark.paper("resnet")
@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)],
)
def test_cifar_forms(depth, parameters):
    with torch.device("meta"):
        assert count(build(f"resnet{depth}", size=32, classes=10)) == parameters


@pytest.mark.law("resnet")
@pytest.mark.parametrize("depth", [8, 18, 50])
def test_zero_init_starts_every_block_as_its_shortcut(depth):
    model = ResNet(depth=depth, width=4, size=32, classes=3, zero_init=True)
    blocks = [part for part in model.modules() if hasattr(part, "downsample")]
    assert len(blocks) == {8: 3, 18: 8, 50: 16}[depth]
    for block in blocks:
        x = torch.rand(2, block.conv1.in_channels, 8, 8)
        assert torch.equal(block(x), block.downsample(x).relu())


def test_shortcut_without_weights():
    x = torch.rand(2, 3, 5, 6)
    y = Padding(3, 8)(x)
    assert torch.equal(y[:, 2:5], x[:, :, ::2, ::2])
    assert not y[:, :2].any()
    assert not y[:, 5:].any()


@pytest.mark.parametrize("size", [8, 28, 32, 64, 65, 224])
def test_the_size_chooses_the_stem(size):
    model = build("resnet20", size=size, channels=1, classes=10)
    large = isinstance(model.maxpool, torch.nn.MaxPool2d)
    assert large == (size > 64)
    assert model.conv1.kernel_size == ((7, 7) if large else (3, 3))
    assert model.eval()(torch.rand(1, 1, size, size)).shape == (1, 10)


def test_width_scales_every_stage():
    model = ResNet(depth=14, width=32, size=28, channels=1, classes=10)
    blocks = [part for part in model.modules() if isinstance(part, Basic)]
    assert [block.conv2.out_channels for block in blocks] == [32, 32, 64, 64, 128, 128]


@pytest.mark.parametrize("depth", [1, 2, 19, 51])
def test_other_depths_are_refused(depth):
    with pytest.raises(UsageError, match=f"no network has depth={depth}; expected one of 18, 34"):
        ResNet(depth=depth)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"depth": 18, "widen": 2}, "for bottlenecks"),
        ({"width": 60, "groups": 32}, "60 maps do not"),
    ],
)
def test_groups_that_cannot_be_are_refused(args, said):
    with pytest.raises(UsageError, match=said):
        ResNet(**args)
