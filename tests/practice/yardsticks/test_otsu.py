import pytest
import torch

from cartograd.practice.yardsticks.otsu import answers, bright, threshold


def between(levels, t):
    """The variance between the two groups that a threshold parts, as the paper has it."""
    low, high = levels[levels <= t].double(), levels[levels > t].double()
    if not len(low) or not len(high):
        return 0.0
    shares = len(low) / len(levels), len(high) / len(levels)
    return shares[0] * shares[1] * float(low.mean() - high.mean()) ** 2


@pytest.mark.parametrize("seed", range(4))
def test_no_other_threshold_parts_the_groups_farther(seed):
    draw = torch.Generator().manual_seed(seed)
    levels = torch.randint(seed, 60 + 40 * seed, (300,), generator=draw).to(torch.uint8)
    levels[::3] += 50
    best = max(between(levels, t) for t in range(256))
    assert between(levels, threshold(levels)) == pytest.approx(best, rel=1e-12)


def test_each_picture_has_its_own_threshold_and_a_plain_one_nothing_bright():
    x = torch.zeros(3, 3, 4, 4)
    x[0, :, :2] = 0.3
    x[1] = 0.5
    x[1, :, :, 3] = 0.9
    x[2] = 0.7
    inside = bright(x)
    assert inside.flatten(1).sum(1).tolist() == [8, 4, 0]
    assert torch.equal(answers(inside).argmax(1).bool(), inside)
