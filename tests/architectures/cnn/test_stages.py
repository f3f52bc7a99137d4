import pytest
import torch
from torch import nn

from cartograd.architectures.cnn.stages import stages
from cartograd.core.build import build
from cartograd.core.errors import UsageError

NETWORKS = {  # spec, size, sides of the maps
    "alexnet:width=4": (32, [32, 16, 8, 4]),
    "vgg11:width=4": (32, [32, 16, 8, 4, 2, 1]),
    "googlenet:width=8": (32, [32, 16, 8, 4]),
    "inception-v3:width=4": (32, [32, 16, 8]),
    "resnet:depth=8,width=4": (32, [32, 16, 8]),
    "resnet18:width=4": (96, [48, 24, 12, 6, 3]),
    "densenet:depth=16,growth_rate=2": (33, [33, 16, 8]),
    "efficientnet:phi=-14": (32, [32, 16, 8, 4]),
}


def before_pooling(network, x):
    """The last maps that the network itself makes, caught on the way."""
    seen = []
    last = network.features if hasattr(network, "features") else network.trunk()[-1]
    handle = last.register_forward_hook(lambda *call: seen.append(call[2]))
    network(x)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("spec", NETWORKS)
def test_stages_are_the_networks_own_maps_before_each_halving(spec):
    size, sides = NETWORKS[spec]
    network = build(spec, channels=2, size=size, classes=3).eval()
    parts, x = stages(network, channels=2, size=size), torch.randn(2, 2, size, size)
    expected, maps = before_pooling(network, x), parts(x)
    assert [one.shape[2] for one in maps] == sides
    assert tuple(one.shape[1] for one in maps) == parts.widths
    last = expected.relu() if spec.startswith("densenet") else expected
    assert torch.equal(maps[-1], last)


def test_making_stages_leaves_the_network_as_it_was():
    network = build("resnet:depth=8,width=4,channels=1,size=16,classes=2").train()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    parts = stages(network, channels=1, size=16)
    assert network.training
    assert all(part.training for part in parts.modules())
    assert all(torch.equal(before[name], one) for name, one in network.state_dict().items())


def test_refusals():
    with pytest.raises(UsageError, match=r"Linear has no maps of several sizes; take one of"):
        stages(nn.Linear(2, 2), channels=1, size=8)
    with torch.device("meta"):
        network = build("inception-v3:width=4,channels=1,size=80,classes=2")
    with pytest.raises(UsageError, match="pictures of 16 x 16 pixels are too small"):
        stages(network, channels=1, size=16)
