import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.gan.cyclegan.cyclegan import CycleGAN, recaster


@pytest.mark.law("cyclegan")
def test_how_bright_and_contrasted_all_maps_are_does_not_count():
    """Instance normalisation, inside: the first layer's answer may be stretched and shifted."""
    torch.manual_seed(0)
    net = recaster(1, width=4, blocks=1).double()
    rest = net[1:]
    h = 100 * net[0](torch.randn(2, 1, 16, 16).double())
    torch.testing.assert_close(rest(7 * h + 3), rest(h), rtol=0, atol=1e-4)


def test_a_frame_is_mirrored():
    """A picture of one grey has no edge anywhere but what is mirrored."""
    net = recaster(1, width=4, blocks=1)
    seen = net[0](torch.full((1, 1, 12, 12), 0.5))
    torch.testing.assert_close(seen, seen[..., :1, :1].expand_as(seen))


@pytest.mark.paper("cyclegan")
@pytest.mark.place("gan/cyclegan")
@pytest.mark.parametrize("blocks", [9, 6])
def test_the_networks_have_the_published_size(blocks):
    """Nine blocks as the authors' program prints it (issue 169 of their repository); a block is
    two convolutions of 256 channels.
    """
    with torch.device("meta"):
        model = CycleGAN(channels=3, size=256, blocks=blocks)
    for net in (model.there, model.back):
        weights = sum(p.numel() for p in net.parameters())
        assert weights == 11_378_179 - (9 - blocks) * 2 * (256 * 256 * 9 + 256)


def test_translate_goes_both_ways():
    torch.manual_seed(0)
    model = CycleGAN(channels=1, size=8, width=2, blocks=1)
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(model.translate(x), model(x))
    assert torch.equal(model.translate(x, backwards=True), model.back(x))


def test_sides_that_four_does_not_divide_are_refused():
    with pytest.raises(UsageError, match="multiple of 4"):
        build("cyclegan", kind="model", channels=1, size=30)
