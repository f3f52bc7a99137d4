import pytest
import torch
from torch import nn

from cartograd.architectures.cnn.unet import UNet
from cartograd.core.build import build
from cartograd.core.errors import UsageError

ENCODERS = (
    *("alexnet:width=4", "vgg11:width=4", "googlenet:width=8", "inception-v3:width=4"),
    *("resnet:depth=8,width=4", "densenet:depth=16,growth_rate=2", "efficientnet:phi=-14"),
)


@pytest.mark.paper("unet")
def test_the_papers_convolutions_and_parameters():
    with torch.device("meta"):
        model = build("unet-2015", channels=1, classes=2)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == 23
    assert sum(weight.numel() for weight in model.parameters()) == 31_030_658


class Written(nn.Module):
    """The paper's network of two halvings, written out."""

    def __init__(self, c, w, k):
        super().__init__()
        shapes = [(c, w), (w, w), (w, 2 * w), (2 * w, 2 * w), (2 * w, 4 * w), (4 * w, 4 * w)]
        shapes += [(4 * w, 2 * w), (2 * w, 2 * w), (2 * w, w), (w, w)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in shapes)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * b, b, 2, stride=2) for b in (2 * w, w))
        self.last = nn.Conv2d(w, k, 1)

    def forward(self, x):
        def both(h, first):
            for conv in self.convs[first : first + 2]:
                h = conv(h).relu()
            return h

        one = both(x, 0)
        two = both(nn.functional.max_pool2d(one, 2), 2)
        h = both(nn.functional.max_pool2d(two, 2), 4)
        h = both(torch.cat([two, self.ups[0](h)], 1), 6)
        h = both(torch.cat([one, self.ups[1](h)], 1), 8)
        return self.last(h)


@pytest.mark.oracle("unet")
def test_equals_the_network_written_out():
    torch.manual_seed(0)
    model = UNet(width=4, scales=2, channels=2, classes=3, norm=None).double()
    theirs = Written(2, 4, 3).double()

    def parts(network, kind):
        return [m for m in network.modules() if isinstance(m, kind)]

    own = [m for m in parts(model, nn.Conv2d) if m.kernel_size == (3, 3)]
    for a, b in zip(theirs.convs, own, strict=True):
        a.load_state_dict(b.state_dict())
    for a, b in zip(theirs.ups, parts(model, nn.ConvTranspose2d), strict=True):
        a.load_state_dict(b.state_dict())
    theirs.last.load_state_dict(model.last.state_dict())
    x = torch.randn(2, 2, 12, 8, dtype=torch.float64)
    found, expected = model(x), theirs(x)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(own[0].weight.grad, theirs.convs[0].weight.grad, rtol=1e-10, atol=0)


@pytest.mark.law("unet")
@pytest.mark.parametrize("encoder", ENCODERS)
def test_names_each_pixel_on_every_classifier(encoder):
    model = build("unet", encoder=encoder, channels=1, size=33, classes=3, width=4)
    x = torch.randn(2, 1, 33, 33)
    answer = model(x)
    assert answer.shape == (2, 3, 33, 33)
    answer.square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())  # no layers that name classes


def test_refusals():
    with pytest.raises(UsageError, match="LeNet5 has no maps of several sizes"):
        build("unet", encoder="lenet5", channels=1, size=32, classes=2)
    with pytest.raises(UsageError, match="unknown model 'resnt'"):
        build("unet", encoder="resnt", channels=1, size=32, classes=2)
