import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.cnn.alexnet import AlexNet, ResponseNorm
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.cnn.support import count, giga, narrowed, published, same, shapes, stirred
from tests.reference import Reference

torchvision = Reference("torchvision")


@pytest.mark.oracle("alexnet")
def test_equals_torchvision_with_gradients():
    ours = stirred(AlexNet(width=8, classes=5, dropout=0.0))
    with torch.device("meta"):
        theirs = torchvision.models.alexnet(num_classes=5, dropout=0.0)
    same(ours, narrowed(theirs, ours), size=96)


@pytest.mark.oracle("alexnet")
def test_state_dict_fits_torchvisions():
    with torch.device("meta"):
        assert shapes(build("alexnet")) == shapes(torchvision.models.alexnet())


@pytest.mark.paper("alexnet")
def test_published_parameters_and_multiply_adds():
    assert (count("alexnet"), giga("alexnet")) == published("alexnet") == (61_100_840, 0.714)
    assert count("alexnet-2012") == 60_965_224


@pytest.mark.paper("alexnet")
@pytest.mark.parametrize("size", [224, 227])
def test_two_towers_have_the_papers_maps(size):
    with torch.device("meta"):
        model, x, seen = build("alexnet-2012", size=size), torch.empty(1, 3, size, size), []
        for layer in model.features:
            x = layer(x)
            if isinstance(layer, torch.nn.Conv2d):
                seen.append(tuple(x.shape[1:]))
    assert seen[0] in {(96, 55, 55), (96, 56, 56)}
    assert (seen[0][1] == 55) == (size in (224, 227))
    assert seen[1:] == [(256, 27, 27), (384, 13, 13), (384, 13, 13), (256, 13, 13)]
    assert x.shape[1:] == (256, 6, 6)


@pytest.mark.law("alexnet")
def test_response_norm_is_the_papers_sum():
    x = torch.randn(2, 9, 3, 4, dtype=torch.float64) * 30
    near = F.pad(x.square(), (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
    expected = x / (2 + 1e-4 * near) ** 0.75
    torch.testing.assert_close(ResponseNorm()(x), expected, rtol=1e-12, atol=1e-12)


def test_towers_meet_in_the_third_convolution_only():
    model = AlexNet(width=12, towers=2, size=32, classes=2, channels=1)
    convolutions = [part for part in model.features if isinstance(part, torch.nn.Conv2d)]
    assert [part.groups for part in convolutions] == [1, 2, 1, 2, 2]
    biases = [part.bias.unique().item() for part in convolutions]
    assert biases == [0, 1, 0, 1, 1]


@pytest.mark.parametrize("size", [8, 28, 64, 65])
def test_the_size_chooses_the_stem(size):
    model = AlexNet(width=4, channels=1, size=size, classes=3).eval()
    assert model.features[0].stride == ((4, 4) if size > 64 else (1, 1))
    assert model(torch.rand(2, 1, size, size)).shape == (2, 3)


@pytest.mark.parametrize(
    ("args", "said"), [({"towers": 3}, "towers=3"), ({"width": 64, "towers": 2}, "multiple of 6")]
)
def test_other_towers_are_refused(args, said):
    with pytest.raises(UsageError, match=said):
        AlexNet(**args)
