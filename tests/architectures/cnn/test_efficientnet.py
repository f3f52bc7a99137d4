import functools

import pytest
import torch

from cartograd.architectures.cnn.efficientnet import EfficientNet, SameConv2d, compound, rounded
from cartograd.core.build import build
from tests.architectures.cnn.support import (
    bare,
    count,
    giga,
    narrowed,
    published,
    same,
    shapes,
    stirred,
)
from tests.reference import Reference

torchvision = Reference("torchvision")
timm = Reference("timm")


COEFFICIENTS = {  # width, depth, resolution as published
    0: (1.0, 1.0, 224),
    0.5: (1.0, 1.1, 240),
    1: (1.1, 1.2, 260),
    2: (1.2, 1.4, 300),
    3.5: (1.4, 1.8, 380),
    5: (1.6, 2.2, 456),
    6: (1.8, 2.6, 528),
    7: (2.0, 3.1, 600),
}
NAMES = [f"efficientnet_b{number}" for number in range(8)]


@pytest.mark.oracle("efficientnet")
def test_equals_torchvision_with_gradients():
    ours = stirred(EfficientNet(classes=5, dropout=0.0, drop_path=0.0))
    norm = functools.partial(torch.nn.BatchNorm2d, eps=1e-3)
    args = {"num_classes": 5, "dropout": 0.0, "stochastic_depth_prob": 0.0, "norm_layer": norm}
    with torch.device("meta"):
        theirs = torchvision.models.efficientnet_b0(**args)
    same(ours, narrowed(theirs, ours), size=80)


@pytest.mark.oracle("efficientnet")
@pytest.mark.parametrize("name", NAMES)
def test_state_dict_fits_torchvisions(name):
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name)
    ours = bare(name)
    assert shapes(ours) == shapes(theirs)
    rates = [m.p for m in theirs.modules() if isinstance(m, torchvision.ops.StochasticDepth)]
    blocks = [m for m in ours.modules() if hasattr(m, "stochastic_depth")]
    assert [block.stochastic_depth.drop_path for block in blocks] == pytest.approx(rates)


@pytest.mark.oracle("efficientnet")
@pytest.mark.parametrize(
    ("name", "same_padding"), [("efficientnet_lite0", False), ("tf_efficientnet_lite0", True)]
)
def test_the_lite_form_equals_timms(name, same_padding):
    theirs = timm.create_model(name, num_classes=5).double()
    eps = 1e-3 if same_padding else 1e-5
    args = {"classes": 5, "eps": eps, "same_padding": same_padding, "skip": 0, "dropout": 0}
    ours = stirred(build("efficientnet-lite0", **args))
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(mine)
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1
    same(ours, theirs, size=76)


@pytest.mark.paper("efficientnet")
@pytest.mark.parametrize("name", NAMES)
def test_published_parameters_and_multiply_adds(name):
    parameters, operations = published(name)
    size = torchvision.models.get_model_weights(name).DEFAULT.transforms().crop_size[0]
    assert count(name) == parameters
    assert giga(name, size=size) == operations


@pytest.mark.paper("efficientnet")
@pytest.mark.parametrize("phi", COEFFICIENTS)
def test_the_rule_gives_the_published_coefficients(phi):
    width, depth, resolution = COEFFICIENTS[phi]
    assert compound(phi)[:2] == (width, depth)
    assert compound(phi)[2] == pytest.approx(resolution, rel=0.04)
    if phi <= 2:
        assert compound(phi, deeper=1.2, wider=1.1)[:2] == (width, depth)


@pytest.mark.paper("efficientnet")
def test_twice_the_work_for_each_unit_of_phi():
    assert pytest.approx(2, rel=0.05) == 1.2 * 1.1**2 * 1.15**2
    assert count("efficientnet-b0") == 5_288_548
    assert count("efficientnet-b7") == 66_347_960
    assert count("efficientnet-lite0") == 4_652_008


@pytest.mark.parametrize(("asked", "given"), [(32, 32), (35.5, 32), (35.9, 40), (19.2, 24), (1, 8)])
def test_maps_are_multiples_of_eight(asked, given):
    assert rounded(asked) == given


@pytest.mark.law("efficientnet")
@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_as_tensorflow(size, kernel):
    one = SameConv2d(2, 3, kernel, 1, kernel // 2)
    other = torch.nn.Conv2d(2, 3, kernel, 1, kernel // 2)
    other.load_state_dict(one.state_dict())
    x = torch.rand(1, 2, size, size)
    assert torch.equal(one(x), other(x))
    strided = SameConv2d(2, 3, kernel, 2)
    y = strided(x)
    assert y.shape[2:] == (-(-size // 2),) * 2
    # The kernel's middle is on odd places of an even side, on even places of an odd one.
    first = (size + 1) % 2
    padded = torch.nn.functional.pad(x, (kernel // 2,) * 4)
    every = torch.nn.functional.conv2d(padded, strided.weight, strided.bias)
    torch.testing.assert_close(y, every[:, :, first::2, first::2])


@pytest.mark.parametrize("size", [8, 28, 64, 65])
def test_the_size_chooses_the_stem(size):
    model = EfficientNet(phi=-14, channels=1, size=size, classes=3).eval()
    assert model.features[0][0].stride == ((2, 2) if size > 64 else (1, 1))
    assert model(torch.rand(2, 1, size, size)).shape == (2, 3)


def test_dropout_grows_with_phi():
    names = ("efficientnet-b0", "efficientnet-b7")
    rates = [bare(name).classifier[0].dropout for name in names]
    assert rates == pytest.approx([0.2, 0.5])
