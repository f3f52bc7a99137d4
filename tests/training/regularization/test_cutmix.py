import pytest
import torch

from cartograd.training.regularization.cutmix import boxes, cutmix


@pytest.mark.law("cutmix")
def test_pixels_are_whole_and_targets_by_area():
    """Images of one grey each, with a class of their own: the pixels tell where they come from."""
    n = 40
    x = torch.arange(n, dtype=torch.float64)[:, None, None, None].expand(n, 2, 7, 9)
    mixed, targets = cutmix(x, torch.eye(n, dtype=torch.float64))
    pasted = 0
    for i in range(n):
        greys, counts = mixed[i, 0].unique(return_counts=True)
        assert torch.equal(mixed[i, 0], mixed[i, 1])
        expected = torch.zeros(n, dtype=torch.float64)
        expected[greys.long()] = counts.double() / 63
        torch.testing.assert_close(targets[i], expected, rtol=0, atol=1e-12)
        other = mixed[i, 0] != i
        if other.any():
            rows, columns = other.any(1), other.any(0)
            assert torch.equal(other, rows[:, None] & columns)
            assert other.sum() == _span(rows) * _span(columns)
            pasted += 1
    assert pasted > n / 2


def _span(line):
    """From the first to the last of what is set."""
    places = line.nonzero()
    return int(places.max() - places.min()) + 1


@pytest.mark.law("cutmix")
def test_boxes_have_the_area_that_was_drawn():
    share = torch.linspace(0, 1, 21, dtype=torch.float64)
    inside = boxes(share, torch.full((2, 21), 0.5, dtype=torch.float64), 32, 48)
    side = (1 - share).sqrt()
    assert (inside.any(2).sum(1) - 32 * side).abs().max() <= 1
    assert (inside.any(1).sum(1) - 48 * side).abs().max() <= 1
