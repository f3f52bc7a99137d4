import pytest
import torch

from cartograd.architectures.cnn.densenet import DenseNet
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

DEPTHS = (121, 161, 169, 201)


@pytest.mark.oracle("densenet")
def test_equals_torchvision_with_gradients():
    ours = stirred(DenseNet(depth=121, growth_rate=4, classes=5))
    with torch.device("meta"):
        theirs = torchvision.models.densenet121(num_classes=5)
    same(ours, narrowed(theirs, ours), size=96)


@pytest.mark.oracle("densenet")
@pytest.mark.parametrize("depth", DEPTHS)
def test_state_dict_fits_torchvisions(depth):
    name = f"densenet{depth}"
    with torch.device("meta"):
        assert shapes(bare(name)) == shapes(torchvision.models.get_model(name))


@pytest.mark.paper("densenet")
@pytest.mark.parametrize("depth", DEPTHS)
def test_published_parameters_and_multiply_adds(depth):
    name = f"densenet{depth}"
    assert (count(name), giga(name)) == published(name)


@pytest.mark.paper("densenet")
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("densenet121", 7_978_856),
        ("densenet-bc-100-12", 769_162),
        ("densenet-bc-190-40", 25_624_430),
        ("densenet-40-12", 1_019_722),
    ],
)
def test_the_papers_counts(name, parameters):
    small = {} if name == "densenet121" else {"size": 32, "classes": 10}
    assert count(name, **small) == parameters


@pytest.mark.law("densenet")
@pytest.mark.parametrize("bottleneck", [True, False])
def test_a_layer_is_given_every_map_before_it(bottleneck):
    depth = 22 if bottleneck else 13
    args = {"depth": depth, "growth_rate": 3, "size": 8, "classes": 2, "bottleneck": bottleneck}
    model = DenseNet(channels=1, **args).eval()
    block, x = model.features.denseblock1, torch.rand(1, 6 if bottleneck else 16, 8, 8)
    inside, y = [x], x
    assert len(block) == 3
    for layer in block:
        assert torch.equal(y, torch.cat(inside, 1))
        y = layer(y)
        inside.append(y[:, -3:])
    assert torch.equal(block(x), torch.cat(inside, 1))


@pytest.mark.parametrize("size", [8, 28, 64, 65])
def test_the_size_chooses_the_stem(size):
    model = DenseNet(depth=16, growth_rate=4, channels=1, size=size, classes=3).eval()
    assert model.features.conv0.stride == ((2, 2) if size > 64 else (1, 1))
    assert model(torch.rand(2, 1, size, size)).shape == (2, 3)


@pytest.mark.parametrize(
    ("depth", "bottleneck"), [(4, True), (99, True), (122, False), (39, False)]
)
def test_other_depths_are_refused(depth, bottleneck):
    with pytest.raises(UsageError, match=f"no network has depth={depth} with bottleneck="):
        DenseNet(depth=depth, bottleneck=bottleneck)
