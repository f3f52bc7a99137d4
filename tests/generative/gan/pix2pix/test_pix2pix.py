import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.gan.pix2pix.pix2pix import Pix2Pix


@pytest.mark.paper("pix2pix")
def test_the_u_net_has_the_published_size():
    with torch.device("meta"):
        net = Pix2Pix(size=256)
    assert round(sum(one.numel() for one in net.parameters()) / 1e6, 3) == 54.414


@pytest.mark.law("pix2pix")
@pytest.mark.parametrize("size", [8, 28, 33])
def test_what_is_seen_comes_through_at_its_place(size):
    """With nothing from the innermost map, a pixel of the answer sees a small surrounding."""
    net = Pix2Pix(channels=1, size=size, width=4).double().eval()
    torch.nn.init.zeros_(net.up[-1][1].weight)
    x = torch.randn(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    answer = net(x)
    assert answer.shape == x.shape
    (slope,) = torch.autograd.grad(answer[0, 0, 2, 3], x)
    assert slope[0, 0, 2, 3] != 0


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("pix2pix:size=3", "halves pictures twice"),
        ("pix2pix:size=8,degradation=(smaller:scale=2)", "changes the size"),
    ],
)
def test_what_it_cannot_undo_is_refused(spec, said):
    with pytest.raises(UsageError, match=said):
        build(spec, kind="model")
