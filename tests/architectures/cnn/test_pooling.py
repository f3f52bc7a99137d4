import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.cnn.pooling import Pooling
from cartograd.core.errors import UsageError

THEIRS = {"max": F.max_pool2d, "avg": F.avg_pool2d}


@pytest.mark.oracle("pooling")
@pytest.mark.parametrize("pooling", THEIRS)
@pytest.mark.parametrize(("kernel", "stride"), [(2, None), (3, 2), (3, 1), (1, 2)])
def test_equals_torchs_with_gradients(pooling, kernel, stride):
    x = torch.randn(2, 3, 7, 9, dtype=torch.float64, requires_grad=True)
    ours = Pooling(kernel_size=kernel, stride=stride, pooling=pooling)(x)
    theirs = THEIRS[pooling](x, kernel, stride)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    rise = torch.randn_like(ours)
    (mine,) = torch.autograd.grad((ours * rise).sum(), x)
    (other,) = torch.autograd.grad((theirs * rise).sum(), x)
    torch.testing.assert_close(mine, other, rtol=0, atol=1e-10)


@pytest.mark.oracle("pooling")
def test_global_is_the_mean_of_the_map():
    x = torch.randn(2, 3, 7, 9, dtype=torch.float64)
    expected = F.adaptive_avg_pool2d(x, 1).flatten(1)
    torch.testing.assert_close(Pooling(pooling="global")(x), expected, rtol=0, atol=1e-10)


@pytest.mark.paper("pooling")
def test_the_notes_numbers():
    assert Pooling()(torch.rand(1, 1, 4, 4)).shape[2:] == (2, 2)
    assert Pooling()(torch.rand(1, 32, 30, 30)).shape == (1, 32, 15, 15)


@pytest.mark.law("pooling")
def test_a_small_shift_changes_less_after_pooling():
    spots = (torch.rand(50, 1, 16, 16) > 0.97).float()
    moved = spots.roll(1, 3)
    before = (spots != moved).float().mean()
    after = (Pooling(kernel_size=4)(spots) != Pooling(kernel_size=4)(moved)).float().mean()
    lit = [spots.mean(), Pooling(kernel_size=4)(spots).mean()]
    assert after / lit[1] < 0.5 * before / lit[0]


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="5 x 5 does not fit maps of 4 x 9"):
        Pooling(kernel_size=5)(torch.rand(1, 1, 4, 9))
