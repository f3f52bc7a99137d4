import math

import pytest
import torch

from cartograd.engine.ledger import Ledger, NonFiniteError


def filled(read_at):
    """Forty steps of parts of different sizes; the ledger is read after some of them."""
    ledger = Ledger(every=4)
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 41):
        mean = torch.rand((), generator=generator)
        ledger.add(step, "loss", mean, 1 + step % 3)
        ledger.add(step, "right", mean > 0.5, 1 + step % 3, loss=False)
        if step in read_at:
            ledger.read()
    return ledger.end_epoch(), ledger.points


def test_means_weigh_by_size():
    ledger = Ledger()
    ledger.add(1, "loss", torch.tensor(1.0), 3)
    ledger.add(2, "loss", torch.tensor(5.0, dtype=torch.float64), 1)
    assert ledger.read() == {"loss": 2.0}
    assert ledger.end_epoch() == {"loss": 2.0}
    assert ledger.end_epoch() == {}


def test_when_it_is_read_does_not_matter():
    expected = filled(set())
    assert [point["step"] for point in expected[1]] == list(range(4, 41, 4))
    for read_at in ({1}, {4}, {3, 4, 5, 39, 40}, set(range(41))):
        assert filled(read_at) == expected


def test_a_saved_ledger_goes_on():
    whole, parts = Ledger(every=3), Ledger(every=3)
    for step in range(1, 8):
        for ledger in (whole, parts):
            ledger.add(step, "loss", torch.tensor(1 / step), 2)
        parts.read()
        other = Ledger(every=3)
        other.load(parts.state())
        other.points, parts = parts.points, other
    assert whole.end_epoch() == parts.end_epoch()
    assert whole.points == parts.points


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_names_its_step(value):
    ledger = Ledger()
    for step in range(1, 6):
        ledger.add(step, "loss", torch.tensor(value if step > 2 else 1.0), 1)
        ledger.add(step, "ratio", torch.tensor(value), 1, loss=False)
    with pytest.raises(NonFiniteError, match=r"the loss 'loss' became .* at step 3") as caught:
        ledger.read()
    assert caught.value.step == 3
