"""The synthetic sources: what they say of their density is true."""

import math
from functools import partial

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources import gaussian_grid, gaussians, moons, spirals, xor

NOISE = 0.15
CASES = {
    "gaussian-grid": (gaussian_grid, {"noise": NOISE, "side": 2}),
    "gaussians": (gaussians, {"noise": NOISE, "classes": 5}),
    "moons": (moons, {"noise": NOISE}),
    "spirals": (spirals, {"noise": NOISE, "classes": 3, "turns": 1.0}),
    "xor": (xor, {"noise": NOISE}),
}
# Each case carries its card's name as a mark, so that the proof is found from the card.
EACH = pytest.mark.parametrize(
    ("name", "log_density", "args"),
    [
        pytest.param(
            name, partial(module.log_density, **args), args, marks=pytest.mark.law(name), id=name
        )
        for name, (module, args) in CASES.items()
    ],
)
SIDE, BINS, FINE = 3.2, 24, 4


def grid(cells):
    """Midpoints of a square grid that holds all the mass, and the area of a cell."""
    line = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells * 2 * SIDE - SIDE
    return torch.cartesian_prod(line, line), (2 * SIDE / cells) ** 2


@EACH
def test_integrates_to_one(name, log_density, args):
    points, area = grid(BINS * FINE)
    assert (log_density(points).exp().sum() * area).item() == pytest.approx(1, abs=1e-8)


@EACH
def test_points_fall_as_the_density_says(name, log_density, args):
    """A chi-square test of 20,000 points in 24 x 24 bins, each bin's share from a fine grid."""
    count = 20_000
    points = build(name, examples=count, **args)().train.inputs
    fine, area = grid(BINS * FINE)
    cells = log_density(fine).exp().mul(area).reshape(BINS, FINE, BINS, FINE).sum((1, 3))
    index = ((points + SIDE) / (2 * SIDE) * BINS).long().clamp(0, BINS - 1)
    found = torch.bincount(index[:, 0] * BINS + index[:, 1], minlength=BINS * BINS)
    expected = cells.flatten() * count
    enough = expected >= 5
    chi_square = ((found - expected).square() / expected)[enough].sum().item()
    freedom = int(enough.sum())
    # Classes are drawn in turn, which only narrows the scatter: the upper limit is the test.
    assert chi_square < freedom + 5 * math.sqrt(2 * freedom)
    assert found[~enough].sum().item() == pytest.approx(expected[~enough].sum().item(), abs=60)


@EACH
def test_a_wrong_density_is_noticed(name, log_density, args):
    """The test above has teeth: twice the noise does not pass for it."""
    module, _ = CASES[name]
    wrong = partial(module.log_density, **args | {"noise": 2 * NOISE})
    points = build(name, examples=2000, **args)().train.inputs
    assert (log_density(points).mean() - wrong(points).mean()).item() > 0.05


@EACH
def test_splits_are_other_draws_of_the_same(name, log_density, args):
    data = build(name, examples=2000, **args)()
    means = [log_density(split.inputs).mean() for split in (data.train, data.valid, data.test)]
    assert max(means) - min(means) < 0.15
    assert not torch.isin(data.test.inputs[:, 0], data.train.inputs[:, 0]).any()
    assert len(data.valid) == len(data.test) == 1000


@EACH
def test_seed_decides(name, log_density, args):
    first, again, other = (build(name, examples=50, seed=s, **args)() for s in (0, 0, 1))
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert not torch.equal(first.train.inputs, other.train.inputs)


@EACH
def test_classes_are_balanced(name, log_density, args):
    counts = build(name, examples=300, **args)().train.targets.bincount()
    assert counts.max() - counts.min() <= 1


@EACH
def test_no_noise_no_density(name, log_density, args):
    module, _ = CASES[name]
    assert build(name, examples=12, **args | {"noise": 0.0})().train.inputs.isfinite().all()
    with pytest.raises(UsageError, match="no density"):
        module.log_density(torch.zeros(1, 2), **args | {"noise": 0.0})


@pytest.mark.law("moons")
def test_moons_without_noise_lie_on_the_half_circles():
    split = moons.moons(examples=500, noise=0.0).train
    x, y = split.inputs.T
    lower = split.targets == 1
    radius = torch.where(lower, (x - 1).hypot(y - 0.5), x.hypot(y))
    torch.testing.assert_close(radius, torch.ones(500))
    assert (y[~lower] >= -1e-6).all()
    assert (y[lower] <= 0.5 + 1e-6).all()


@pytest.mark.law("gaussian-grid")
def test_a_grid_without_noise_is_its_centres():
    split = gaussian_grid.gaussian_grid(examples=18, side=3, noise=0.0).train
    assert torch.equal(split.inputs, gaussian_grid.centres(3)[split.targets])
    assert gaussian_grid.centres(3).unique().tolist() == [-2, 0, 2]


@pytest.mark.law("gaussians")
def test_the_nearest_centre_errs_as_the_theory_says():
    """Two classes: the best rule errs with probability Phi(-radius / noise)."""
    noise, radius = 1.5, gaussians.RADIUS
    split = gaussians.gaussians(examples=40_000, classes=2, noise=noise).train
    guess = (split.inputs[:, 0] < 0).long()
    errors = (guess != split.targets).double().mean().item()
    expected = 0.5 * math.erfc(radius / noise / math.sqrt(2))
    assert errors == pytest.approx(expected, abs=4 * math.sqrt(expected / 40_000))


@pytest.mark.law("xor")
def test_xor_without_noise_is_the_truth_table():
    split = xor.xor(examples=4, noise=0.0).train
    assert [(x > 0, y > 0) for x, y in split.inputs.tolist()] == [
        (False, False), (True, False), (False, True), (True, True)
    ]  # fmt: skip
    assert split.targets.tolist() == [0, 1, 1, 0]


@pytest.mark.law("spirals")
def test_spirals_without_noise_grow_as_they_turn():
    split = spirals.spirals(examples=600, classes=3, turns=2.0, noise=0.0).train
    x, y = split.inputs.double().T
    radius = x.hypot(y)
    angle = 2 * math.pi * (2 * (radius - 0.2) / 1.8 + split.targets / 3)
    direction = torch.stack([angle.cos(), angle.sin()])
    torch.testing.assert_close(torch.stack([x, y]) / radius, direction, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gaussians", "spirals"])
def test_one_class_is_refused(name):
    with pytest.raises(UsageError, match="at least 2"):
        build(name, classes=1)()
