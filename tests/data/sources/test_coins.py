"""The photograph of coins: cut so that nothing of it is in two parts."""

import numpy as np
import pytest
import torch
from PIL import Image

from cartograd.core.errors import UsageError
from cartograd.data.sources.coins import COINS, SHAPE, TESTED, coins, outlined, pieces
from cartograd.data.store import packages


def subject(folder):
    """A picture of the photograph's size: brighter where coins are."""
    draw = np.random.default_rng(0)
    values = draw.integers(0, 120, SHAPE, dtype=np.uint8) + 100 * outlined().numpy()
    Image.fromarray(values).save(folder / "coins.png")
    return (folder,), {}


@pytest.mark.law("coins")
@pytest.mark.parametrize("tested", TESTED)
def test_no_pixel_is_in_two_parts_and_each_coin_is_whole_in_one(tmp_path, tested):
    owner = np.zeros(SHAPE, dtype=int)
    for number, own in enumerate(pieces(tested).values(), start=1):
        for top, below, left, right in own:
            assert not owner[top:below, left:right].any()
            owner[top:below, left:right] = number
    rows, columns = (np.arange(side) + 0.5 for side in SHAPE)
    for column, row, wide, high in COINS:
        inside = ((columns - column) / wide) ** 2 + ((rows[:, None] - row) / high) ** 2 <= 1
        assert len(set(owner[inside].tolist())) == 1
    assert (owner == 3).any(0).sum() < SHAPE[1] / 2  # the test is of two columns of coins of six
    data = coins(*subject(tmp_path)[0], tested=tested)
    assert data.test.inputs[:, 0][data.test.targets == 1].min() * 255 > 98
    assert data.train.inputs[:, 0][data.train.targets == 0].max() * 255 < 121
    for part in ("valid", "test"):  # side by side
        places = [name.split()[1::2] for name in getattr(data, part).names]
        cover = np.zeros(SHAPE, dtype=int)
        for row, column in places:
            cover[int(row) : int(row) + 56, int(column) : int(column) + 56] += 1
        assert cover.max() == 1


def test_the_photograph_itself():
    if packages.show("coins").path is None:
        pytest.skip("the photograph is not there: cartograd data get coins")
    data = coins()
    x, y = data.test.inputs[:, 0], data.test.targets
    bright = torch.stack([one[mask == 1].mean() - one[mask == 0].mean()
                          for one, mask in zip(x, y, strict=True)])  # fmt: skip
    assert (bright > 0.1).all()  # the ellipses lie on what is brighter than the ground


def test_three_tests_are_the_whole_photograph():
    seen = np.zeros(SHAPE, dtype=int)
    for tested in TESTED:
        for top, below, left, right in pieces(tested)["test"]:
            seen[top:below, left:right] += 1
    assert (seen == 1).all()


def test_refusals(tmp_path):
    (place,), _ = subject(tmp_path)
    with pytest.raises(UsageError, match="a tile of coins has 8 to 65 pixels"):
        coins(place, size=70)
    with pytest.raises(UsageError, match=r"nowhere.png is missing"):
        coins(tmp_path / "nowhere.png")
