import math

import pytest
import torch

from cartograd.generative.gan.stylegan.augmentations import CHANCES, augmented, moved


def chosen(n, **which):
    """Even numbers by which only some augmentations are done; `None` leaves the place to chance."""
    order = ("mirror", "turn", "move", "also", "scale", "rotate", "stretch", "shift", "too",
             "brightness", "contrast", "light", "hue", "saturation")  # fmt: skip
    drawn = torch.ones(n, len(order), 2, dtype=torch.float64)
    for name, where in which.items():
        drawn[:, order.index(name), 0] = 0
        drawn[:, order.index(name), 1] = where
    return drawn.reshape(n, CHANCES)


def test_each_does_what_its_name_says():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)

    def by(**which):
        return augmented(x, chosen(2, **which), chance=0.5)

    torch.testing.assert_close(by(), x)
    torch.testing.assert_close(by(mirror=0.2), x.flip(3))
    torch.testing.assert_close(by(mirror=0.7), x)
    torch.testing.assert_close(by(turn=0.6), x.flip(2, 3))
    torch.testing.assert_close(by(turn=0.3), x.rot90(1, (2, 3)))
    torch.testing.assert_close(by(move=1.0, also=0.5)[..., 1:-1], x.roll(-1, 3)[..., 1:-1])
    torch.testing.assert_close(by(rotate=1.0), x.flip(2, 3))
    torch.testing.assert_close(by(scale=0.5), x)
    torch.testing.assert_close(by(light=0.1).mean(1), -x.mean(1))
    torch.testing.assert_close(by(hue=0.5 + 1 / 3).sort(1).values, x.sort(1).values)
    torch.testing.assert_close(by(saturation=0.01).mean(1), x.mean(1))
    wider = by(contrast=0.5 + 0.5 * math.erf(2 / 2**0.5)) / x
    torch.testing.assert_close(wider, torch.full_like(wider, 2.0))


@pytest.mark.law("stylegan2-game")
@pytest.mark.parametrize("chance", [0.3, 0.8])
def test_the_share_of_right_pictures_can_be_told_from_the_whole(chance):
    """Quarter turns: the map from the shares of four ways up to those that the critic sees has
    smallest value 1 - chance, so it can be undone."""
    torch.manual_seed(0)
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    ways = torch.stack([picture[0].rot90(k, (1, 2)) for k in range(4)])
    drawn = torch.ones(4000, CHANCES)
    drawn[:, 2:4] = torch.rand(4000, 2)
    seen = augmented(picture.expand(4000, -1, -1, -1), drawn, chance=chance)
    near = (seen[:, None] - ways).flatten(2).abs().amax(2) < 1e-3
    assert near.sum(1).eq(1).all()
    shares = near.double().mean(0)
    circulant = torch.stack([shares.roll(k) for k in range(4)])
    assert torch.linalg.svdvals(circulant).min().item() == pytest.approx(1 - chance, abs=0.04)


def test_the_slope_goes_through_all_of_them():
    torch.manual_seed(0)
    x = torch.randn(6, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    drawn = torch.rand(6, CHANCES)

    def seen(one):
        return augmented(one, drawn, chance=1.0)

    direction = torch.randn_like(x)
    (slope,) = torch.autograd.grad(seen(x).square().sum(), x)
    step = 1e-6
    change = (seen(x + step * direction) - seen(x - step * direction)) / (2 * step)
    torch.testing.assert_close((2 * seen(x) * change).sum(), (slope * direction).sum())


def test_what_stays_where_it_is_is_not_read_anew():
    x = torch.rand(2, 1, 5, 5)
    assert torch.equal(moved(x, torch.eye(3).expand(2, 3, 3)), x)
