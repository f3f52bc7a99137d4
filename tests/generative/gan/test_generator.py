import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.gan.generator import Generator


@pytest.mark.law("gan")
@pytest.mark.parametrize("size", [4, 7, 8, 9, 15, 28, 32, 33])
def test_pictures_have_the_size_that_was_asked(size):
    model = Generator(channels=2, size=size, latent=3, width=2)
    made = model(torch.randn(2, 3))
    assert made.shape == (2, 2, size, size)
    assert made.abs().max() <= 1


@pytest.mark.law("gan")
@pytest.mark.place("gan/conditional")
def test_a_classs_vector_changes_its_examples_alone():
    torch.manual_seed(0)
    model = Generator(channels=1, size=8, classes=3, latent=4, width=4).eval()
    noise, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    before = model(noise, y)
    with torch.no_grad():
        model.net.told.weight[1] += 1
    changed = (model(noise, y) - before).flatten(1).abs().amax(1) > 0
    assert changed.tolist() == [False, True, False, False, True, False]


def test_each_norm_turns_with_the_class():
    """Without the noise's own way into the first layer, a class still has its examples."""
    torch.manual_seed(0)
    model = Generator(channels=1, size=8, classes=3, latent=4, width=4).eval()
    with torch.no_grad():
        model.net.first.weight[:, 4:] = 0
    made = model(torch.randn(1, 4).expand(3, 4), torch.arange(3))
    assert len(made.flatten(1).unique(dim=0)) == 3


def test_dense_layers_see_the_class():
    torch.manual_seed(0)
    model = Generator(features=2, classes=3, latent=4, width=4)
    noise = torch.randn(1, 4).expand(3, 4)
    assert len(model(noise, torch.arange(3)).unique(dim=0)) == 3


def test_a_generator_of_nothing_is_refused():
    with pytest.raises(UsageError, match="features= of vectors"):
        build("gan", kind="model")
    with pytest.raises(UsageError, match="of side 1"):
        Generator(channels=1, size=1)
