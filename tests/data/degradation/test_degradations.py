import numpy as np
import pytest
import torch
from PIL import Image

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.degradation.edges import STEEP, Edges
from cartograd.data.degradation.hole import Hole
from cartograd.data.degradation.noisy import Noisy
from cartograd.data.degradation.smaller import Smaller

ROWS = CounterRandom(torch.arange(2))
WHOLE = Port("image", "image", (1, 12, 12))


@pytest.mark.oracle("smaller")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_smaller_is_pillows(scale):
    x = torch.rand(2, 1, 12, 24)
    found = Smaller(scale=scale)(x, ROWS)
    for mine, whole in zip(found, x, strict=True):
        size = (24 // scale, 12 // scale)
        theirs = np.asarray(Image.fromarray(whole[0].numpy(), "F").resize(size, Image.BICUBIC))
        np.testing.assert_allclose(mine[0].numpy(), theirs.clip(0, 1), atol=1e-5)


@pytest.mark.oracle("edges")
def test_edges_are_scipys():
    from scipy.ndimage import sobel

    x = torch.rand(2, 3, 9, 11, dtype=torch.float64)
    found = Edges()(x, ROWS)
    for mine, whole in zip(found.flatten(0, 1).numpy(), x.flatten(0, 1).numpy(), strict=True):
        slopes = [sobel(whole, axis=axis, mode="nearest") / 4 for axis in (0, 1)]
        assert np.array_equal(mine, np.hypot(*slopes) > STEEP)
    assert 0 < found.mean() < 1


@pytest.mark.law("hole")
def test_a_hole_is_black_and_the_rest_is_kept():
    x = torch.rand(2, 1, 12, 12) + 0.1
    way = Hole(size=6)
    found, inside = way(x, ROWS), way.inside(x)
    assert int(inside.sum()) == 36
    assert torch.equal(found[..., ~inside], x[..., ~inside])
    assert not found[..., inside].any()
    assert inside[3:9, 3:9].all()


@pytest.mark.law("noisy")
def test_noise_has_the_deviation_that_was_asked_for():
    x = torch.full((2, 1, 200, 200), 0.5)
    added = Noisy(std=0.2)(x, ROWS) - x
    assert added.std().item() == pytest.approx(0.2, rel=0.02)
    assert added.mean().item() == pytest.approx(0, abs=0.004)
    assert not torch.equal(added[0], added[1])
    assert not torch.equal(added, Noisy(std=0.2)(x, CounterRandom(torch.arange(2), epoch=1)) - x)


@pytest.mark.parametrize(
    ("spec", "said"),
    [("smaller:scale=5", "by which both sides can be divided"), ("hole:size=12", "expected 1 to")],
)
def test_what_does_not_fit_is_refused(spec, said):
    with pytest.raises(UsageError, match=said):
        build(spec, kind="degradation").port(WHOLE)
