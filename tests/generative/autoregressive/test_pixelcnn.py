import itertools

import pytest
import torch
from scipy.stats import chisquare

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.generative import NotSupported
from cartograd.generative.autoregressive.raster import completed, log_prob, rows_so_far
from cartograd.generative.level_distributions import level_distribution

BOTH = ("pixelcnn", "gated-pixelcnn")


def made(name, **options):
    """In double precision, with weights of its first initialisation."""
    torch.manual_seed(0)
    usual = {"channels": 1, "size": 8, "levels": 3, "width": 12, "depth": 3}
    return build(name, **(usual | options)).double().eval()


def seen(model, x, place):
    """How much the parameters of one number change with each number."""
    x = x.clone().requires_grad_()
    given = () if model.classes is None else (torch.zeros(len(x), dtype=torch.long),)
    channel, row, column = place
    model.parameters_of(x, *given)[:, channel, row, column].square().sum().backward()
    return x.grad[0]


@pytest.mark.place("ar/pixelcnn")
@pytest.mark.law("pixelcnn")
@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(("channels", "classes"), [(1, None), (3, 2)])
def test_no_number_sees_itself_or_later_ones(name, channels, classes):
    model = made(name, channels=channels, classes=classes, size=6)
    x = torch.rand(1, channels, 6, 6, dtype=torch.float64)
    for place in [(0, 0, 0), (channels - 1, 2, 3), (channels // 2, 4, 5)]:
        slope = seen(model, x, place).permute(1, 2, 0).flatten()  # in raster order
        at = (place[1] * 6 + place[2]) * channels + place[0]
        assert (slope[at:] == 0).all()
        assert at == 0 or (slope[max(0, at - 2) : at] != 0).all()


@pytest.mark.law("pixelcnn")
@pytest.mark.parametrize(("name", "count"), [("pixelcnn", 34), ("gated-pixelcnn", 35)])
def test_the_blind_spot_is_there_and_gates_close_it(name, count):
    """Of the 35 pixels before one, masked kernels miss that at the far right of the row above."""
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    slope = seen(made(name, depth=4), x, (0, 4, 3))[0]
    assert (slope != 0).sum() == count
    assert (slope[3, 7] != 0) == (count == 35)


@pytest.mark.place("ar/pixelcnn")
@pytest.mark.law("pixelcnn")
@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("components", [0, 2])
def test_the_probabilities_of_all_pictures_sum_to_one(name, components):
    model = made(name, size=2, components=components, width=6, depth=1)
    every = torch.tensor(list(itertools.product((0, 0.5, 1), repeat=4))).double()
    whole = model(every.reshape(-1, 1, 2, 2)).exp().sum()
    assert whole.item() == pytest.approx(1, abs=1e-12)


@pytest.mark.law("pixelcnn")
@pytest.mark.parametrize("name", BOTH)
def test_drawing_pixel_by_pixel_is_drawing_from_whole_passes(name):
    """Pictures larger than the kernels, beside the plain loop over whole pictures."""
    model = made(name, size=9, channels=2, classes=2, depth=1, width=8)
    y, generator = torch.tensor([0, 1, 1]), torch.Generator().manual_seed(3)
    u = torch.rand((3, 9, 9, 2), generator=generator, dtype=torch.float64)
    x, total = torch.zeros(3, 2, 9, 9, dtype=torch.float64), 0.0
    with torch.no_grad():
        for row, column, channel in itertools.product(range(9), range(9), range(2)):
            table = model.distribution.table(model.parameters_of(x, y)[:, channel, row, column])
            level = (table.exp().cumsum(1) < u[:, row, column, channel, None]).sum(1)
            x[:, channel, row, column] = level / 2
            total = total + table.gather(1, level[:, None])[:, 0]
        drawn = model.sample(3, torch.Generator().manual_seed(3), y=y)
        assert torch.equal(drawn, x)
        torch.testing.assert_close(model(x, y), total)  # the sum of the sampler's conditionals


@pytest.mark.law("pixelcnn")
def test_drawing_by_a_table_of_chances_recovers_its_joint_distribution():
    """Four pixels, black or white, whose every conditional is written down: chi-squared of 16."""
    tables = [torch.rand(2**place, dtype=torch.float64) for place in range(4)]

    def network(x):
        """Logits of both levels of each pixel, by the number that those before it make."""
        level = (x.new_zeros(len(x), 1, 2, 2) if x.shape[2] < 2 else x).flatten(1).round().long()
        level[:, : x[0].numel()] = x.flatten(1).round().long()
        number, answer = torch.zeros(len(x), dtype=torch.long), []
        for place in range(4):
            share = tables[place][number]
            answer.append(torch.stack([1 - share, share], 1).log())
            number = 2 * number + level[:, place]
        return torch.stack(answer, 1).reshape(len(x), 1, 2, 2, 2)[:, :, : x.shape[2]]

    distribution, count = level_distribution(levels=2, components=0), 20_000
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4))).double()
    joint = log_prob(network, distribution, every.reshape(-1, 1, 2, 2)).exp()
    assert joint.sum().item() == pytest.approx(1, abs=1e-12)
    empty = torch.zeros(count, 1, 2, 2, dtype=torch.float64)
    seed = torch.Generator().manual_seed(0)
    drawn = completed(rows_so_far(network), distribution, empty, empty, seed).flatten(1)
    seen = (drawn.long() * torch.tensor([8, 4, 2, 1])).sum(1).bincount(minlength=16)
    assert chisquare(seen.numpy(), (count * joint).numpy()).pvalue > 0.001


def test_what_is_first_stays_and_other_masks_are_refused():
    model = made("pixelcnn", size=6, depth=1)
    x, known = torch.randint(3, (2, 1, 6, 6)).double() / 2, torch.zeros(2, 1, 6, 6)
    known[:, :, :3] = 1
    known[0, :, 3, :2] = 1
    filled = [model.inpaint(x, known, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert torch.equal(filled[0], filled[1])
    assert not torch.equal(filled[0], filled[2])
    assert torch.equal(filled[0][known > 0], x[known > 0])
    with pytest.raises(NotSupported, match="first in raster order"):
        model.inpaint(x, 1 - known, torch.Generator())


def test_at_no_temperature_the_likeliest_level_is_drawn():
    model = made("pixelcnn", size=4, depth=1)
    drawn = [model.sample(2, torch.Generator().manual_seed(s), temperature=0.0) for s in (0, 1)]
    assert torch.equal(*drawn)
    level = model.parameters_of(drawn[0]).argmax(-1)
    assert torch.equal(level / 2, drawn[0])


def test_real_numbers_and_missing_classes_are_refused():
    with pytest.raises(UsageError, match="evenly spaced levels"):
        made("pixelcnn", levels=0)
    with pytest.raises(UsageError, match="needs y, one of 2 classes"):
        made("pixelcnn", classes=2)(torch.zeros(1, 1, 8, 8).double())
