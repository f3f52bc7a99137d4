import itertools

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError


def made(**options):
    """In double precision, with blocks that say something."""
    torch.manual_seed(0)
    usual = {"channels": 1, "size": 6, "levels": 3, "width": 4, "depth": 1, "scales": 1}
    usual |= {"components": 2, "dropout": 0.0}
    model = build("pixelcnn-plus-plus", **(usual | options)).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return model


@pytest.mark.place("ar/pixelcnn")
@pytest.mark.law("pixelcnn-plus-plus")
@pytest.mark.parametrize(("channels", "classes", "size"), [(1, None, 7), (3, 2, 6)])
def test_all_numbers_before_one_are_seen_and_no_later_ones(channels, classes, size):
    """Sides that halving divides, and sides that it does not."""
    model = made(channels=channels, classes=classes, size=size, depth=2, scales=2)
    y = None if classes is None else torch.zeros(1, dtype=torch.long)
    x = torch.rand(1, channels, size, size, dtype=torch.float64)
    for channel, row, column in [(0, 0, 0), (channels - 1, 2, 3), (0, 3, 2), (0, 5, 5)]:
        given = x.clone().requires_grad_()
        model.parameters_of(given, y)[:, channel, row, column].square().sum().backward()
        slope = given.grad[0].permute(1, 2, 0).flatten()  # in raster order
        at = (row * size + column) * channels + channel
        assert (slope[at:] == 0).all()
        assert (slope[:at] != 0).all()


@pytest.mark.place("ar/pixelcnn")
@pytest.mark.law("pixelcnn-plus-plus")
@pytest.mark.parametrize(("channels", "levels"), [(1, 3), (2, 2)])
def test_the_probabilities_of_all_pictures_sum_to_one(channels, levels):
    model = made(channels=channels, size=2, levels=levels)
    values = torch.linspace(0, 1, levels).tolist()
    every = torch.tensor(list(itertools.product(values, repeat=4 * channels))).double()
    whole = model(every.reshape(-1, channels, 2, 2)).exp().sum()
    assert whole.item() == pytest.approx(1, abs=1e-12)


@pytest.mark.law("pixelcnn-plus-plus")
def test_the_numbers_of_a_pixel_have_the_mixtures_common_chance():
    """The formula: one weight for a component, and its chance of all channels together."""
    model = made(channels=3, levels=5)
    x = torch.randint(5, (2, 3, 6, 6)).double() / 4
    weight, means, scales, slopes = model.mixture(x)
    value, level = 2 * x[..., None] - 1, (4 * x).long()
    red, green, blue = means.unbind(1)
    green = green + slopes[:, 0] * value[:, 0]
    blue = blue + slopes[:, 1] * value[:, 0] + slopes[:, 2] * value[:, 1]
    total = weight.log_softmax(-1)
    for c, mean in enumerate((red, green, blue)):
        given = torch.cat([torch.zeros_like(mean), mean, scales[:, c]], -1)
        total = total + model.distribution.of_each(given, level[:, c])
    torch.testing.assert_close(model(x), total.logsumexp(-1).sum((1, 2)), rtol=0, atol=1e-10)


@pytest.mark.law("pixelcnn-plus-plus")
def test_drawing_is_drawing_from_whole_passes():
    model = made(size=5, channels=2, classes=2)
    y, generator = torch.tensor([0, 1]), torch.Generator().manual_seed(3)
    u = torch.rand((2, 5, 5, 2), generator=generator, dtype=torch.float64)
    x, total = torch.zeros(2, 2, 5, 5, dtype=torch.float64), 0.0
    with torch.no_grad():
        for row, column, channel in itertools.product(range(5), range(5), range(2)):
            table = model.distribution.table(model.parameters_of(x, y)[:, channel, row, column])
            level = (table.exp().cumsum(1) < u[:, row, column, channel, None]).sum(1)
            x[:, channel, row, column] = level / 2
            total = total + table.gather(1, level[:, None])[:, 0]
        assert torch.equal(model.sample(2, torch.Generator().manual_seed(3), y=y), x)
        torch.testing.assert_close(model(x, y), total)


def test_a_softmax_is_refused():
    with pytest.raises(UsageError, match="take gated-pixelcnn"):
        made(components=0)
