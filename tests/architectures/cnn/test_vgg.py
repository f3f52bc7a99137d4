import pytest
import torch

from cartograd.architectures.cnn.vgg import VGG
from cartograd.core.build import build
from cartograd.core.errors import UsageError
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

NAMES = [f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")]


@pytest.mark.oracle("vgg")
@pytest.mark.parametrize("name", ["vgg11", "vgg13_bn"])
def test_equals_torchvision_with_gradients(name):
    ours = stirred(build(name, width=4, classes=5, dropout=0.0))
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, num_classes=5, dropout=0.0, init_weights=False)
    same(ours, narrowed(theirs, ours), size=66)


@pytest.mark.oracle("vgg")
@pytest.mark.parametrize("name", NAMES)
def test_state_dict_fits_torchvisions(name):
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, init_weights=False)
        assert shapes(bare(name)) == shapes(theirs)


@pytest.mark.paper("vgg")
@pytest.mark.parametrize("name", NAMES)
def test_published_parameters_and_multiply_adds(name):
    assert (count(name), giga(name)) == published(name)


@pytest.mark.paper("vgg")
@pytest.mark.parametrize(("name", "parameters"), [("vgg16", 138_357_544), ("vgg19", 143_667_240)])
def test_the_maps_counts(name, parameters):
    assert count(name) == parameters


@pytest.mark.parametrize("size", [8, 9, 28, 33, 64, 65])
def test_the_size_chooses_the_dense_layers(size):
    model = VGG(depth=11, width=4, channels=1, size=size, classes=3).eval()
    assert model.classifier[0].in_features == 32 * (49 if size > 64 else 1)
    assert model(torch.rand(2, 1, size, size)).shape == (2, 3)


def test_the_last_odd_row_counts_for_small_images():
    model = VGG(depth=11, width=4, channels=1, size=9, classes=3).eval()
    x = torch.rand(1, 1, 9, 9, requires_grad=True)
    model(x).sum().backward()
    assert x.grad[0, 0, -1].any()


def test_other_depths_are_refused():
    with pytest.raises(UsageError, match="no network has depth=12; expected 11, 13, 16 or 19"):
        VGG(depth=12)
