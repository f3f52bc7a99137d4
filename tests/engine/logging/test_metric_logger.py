import math

import pytest
import torch

from cartograd.engine.logging.metric_logger import MetricLogger, NonFiniteError


def filled(read_at):
    """Forty steps of parts of different sizes; the ledger is read after some of them."""
    logger = MetricLogger(every=4)
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 41):
        mean = torch.rand((), generator=generator)
        logger.add(step, "loss", mean, 1 + step % 3)
        logger.add(step, "right", mean > 0.5, 1 + step % 3, loss=False)
        if step in read_at:
            logger.read()
    return logger.end_epoch(), logger.points


def test_means_weigh_by_size():
    logger = MetricLogger()
    logger.add(1, "loss", torch.tensor(1.0), 3)
    logger.add(2, "loss", torch.tensor(5.0, dtype=torch.float64), 1)
    assert logger.read() == {"loss": 2.0}
    assert logger.end_epoch() == {"loss": 2.0}
    assert logger.end_epoch() == {}


def test_when_it_is_read_does_not_matter():
    expected = filled(set())
    assert [point["step"] for point in expected[1]] == list(range(4, 41, 4))
    for read_at in ({1}, {4}, {3, 4, 5, 39, 40}, set(range(41))):
        assert filled(read_at) == expected


def test_a_saved_ledger_goes_on():
    whole, parts = MetricLogger(every=3), MetricLogger(every=3)
    for step in range(1, 8):
        for logger in (whole, parts):
            logger.add(step, "loss", torch.tensor(1 / step), 2)
        parts.read()
        other = MetricLogger(every=3)
        other.load(parts.state())
        other.points, parts = parts.points, other
    assert whole.end_epoch() == parts.end_epoch()
    assert whole.points == parts.points


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_names_its_step(value):
    logger = MetricLogger()
    for step in range(1, 6):
        logger.add(step, "loss", torch.tensor(value if step > 2 else 1.0), 1)
        logger.add(step, "ratio", torch.tensor(value), 1, loss=False)
    with pytest.raises(NonFiniteError, match=r"the loss 'loss' became .* at step 3") as caught:
        logger.read()
    assert caught.value.step == 3
