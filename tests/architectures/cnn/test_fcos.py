import pytest
import torch

from cartograd.architectures.cnn.fcos import FCOS
from cartograd.core.errors import UsageError


@pytest.mark.law("fcos")
def test_a_picture_that_is_moved_by_a_stride_has_its_boxes_moved_by_as_much():
    """Far from the edges, on the finest level, whose only cell above is as wide as the picture."""
    torch.manual_seed(0)
    model = FCOS(encoder="resnet:depth=8,width=4,norm=none", width=8, size=64, classes=2).eval()
    for head in (model.sides, model.classes):  # a norm over all positions sees the edges
        for number, part in enumerate(head):
            if isinstance(part, torch.nn.GroupNorm):
                head[number] = torch.nn.Identity()
    x = torch.zeros(1, 3, 64, 64)
    x[:, :, 28:34, 26:33] = torch.rand(3, 6, 7)
    moved = x.roll(4, 3)
    with torch.no_grad():
        one, other = (model(given).reshape(16, 16, 7) for given in (x, moved))
    inner = one[6:10, 6:9], other[6:10, 7:10]
    torch.testing.assert_close(inner[1][..., 4:], inner[0][..., 4:], rtol=1e-4, atol=1e-5)
    across = torch.tensor([4 / 64, 0, 4 / 64, 0])
    torch.testing.assert_close(inner[1][..., :4], inner[0][..., :4] + across, rtol=1e-4, atol=1e-5)


@pytest.mark.law("fcos")
@pytest.mark.parametrize("encoder", ["resnet18:width=4", "vgg11", "alexnet"])
def test_it_stands_on_classifiers_that_say_their_maps(encoder):
    model = FCOS(encoder=encoder, width=8, size=96, classes=2)
    outputs = model(torch.rand(2, 3, 96, 96))
    assert outputs.shape == (2, len(model.positions), 7)
    assert outputs.isfinite().all()
    assert len(model.positions[:, 2].unique()) >= 2


def test_a_classifier_without_maps_is_refused():
    with pytest.raises(UsageError, match="has no maps of several sizes"):
        FCOS(encoder="lenet5", width=8, size=96)


def test_an_encoder_that_never_gets_coarse_is_refused():
    with pytest.raises(UsageError, match="never a quarter of a picture"):
        FCOS(encoder="resnet:depth=8,width=4", width=8, size=3)


def test_levels_share_all_distances():
    """What is the most of a level is the least of the next: each box is some level's."""
    model = FCOS(encoder="resnet18:width=4", width=8, size=96, classes=2)
    _, least, most = model.positions[:, 2:].unique(dim=0).unbind(1)
    assert sorted(most.tolist())[:-1] == sorted(least.tolist())[1:]
    assert least.min() == 0
    assert most.max() == torch.inf
