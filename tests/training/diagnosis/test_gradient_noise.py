import math

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Loss
from cartograd.training.diagnosis.gradient_noise import estimate, gradient_noise
from tests.conformance.support import global_state_untouched, untouched
from tests.engine.toys import Toy, mlp, quadrants


class CounterRandom(nn.Module):
    """Loss w . x: the gradient of an example is the example itself."""

    def __init__(self, features):
        super().__init__()
        self.model = nn.Linear(features, 1, bias=False, dtype=torch.float64)
        self.players = {"model": self.model}

    def losses(self, batch):
        yield Loss(self.model(batch[0])[:, 0])


def drawn(n, *, signal=2.0, noise=3.0, features=20, seed=0):
    """Gradients whose true squared norm is signal^2 and whose variance is noise^2 in all."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.full((features,), signal / math.sqrt(features), dtype=torch.float64)
    spread = torch.randn(n, features, generator=generator, dtype=torch.float64)
    return mean + spread * noise / math.sqrt(features)


@pytest.mark.law("gradient-noise")
def test_parts_of_one_example_give_the_unbiased_variance():
    x = drawn(16)
    found = gradient_noise(CounterRandom(20), Toy(x, batch_size=8), parts=8, draws=2, seed=1)
    batches = [batch for (batch,) in Toy(x, batch_size=8).epoch(0, seed=1)]
    variance = sum(batch.var(0).sum().item() for batch in batches) / 2
    squares = sum(batch.mean(0).square().sum().item() for batch in batches) / 2
    assert found.noise == pytest.approx(variance, rel=1e-10)
    assert found.signal == pytest.approx(squares - variance / 8, rel=1e-10)
    assert found.scale == pytest.approx(found.noise / found.signal, rel=1e-10)


@pytest.mark.law("gradient-noise")
@pytest.mark.parametrize(("size", "parts"), [(32, 2), (64, 8), (60, 30)])
def test_a_known_scale_is_found(size, parts):
    """S = 9, |G|^2 = 4, so the scale is 2.25; the mean of many estimates is within its error."""
    signals, noises, inside = [], [], 0
    for seed in range(40):
        x = drawn(size * 12, seed=seed)
        found = gradient_noise(CounterRandom(20), Toy(x, batch_size=size), parts=parts, draws=12)
        signals.append(found.signal)
        noises.append(found.noise)
        inside += found.low <= 2.25 <= found.high
    for values, true in ((signals, 4.0), (noises, 9.0)):
        values = torch.tensor(values)
        error = (values.std() / math.sqrt(len(values))).item()
        assert abs(values.mean().item() - true) < 3 * error
        assert error < 0.1 * true
    assert inside >= 32  # of 40, at about 95 %


def test_the_formula_inverts_the_expectations():
    signal, noise = 0.7, 5.0
    small, large = 4, 64
    found = estimate(signal + noise / small, signal + noise / large, small=small, large=large)
    assert found == pytest.approx((signal, noise), rel=1e-12)


def test_no_signal_is_an_infinite_scale():
    found = gradient_noise(CounterRandom(20), Toy(drawn(256, signal=0.0)), draws=8)
    assert found.high == math.inf


def test_the_scale_grows_while_a_network_learns():
    from cartograd.engine.loop.fit import fit

    x, y = quadrants(1280)
    objective = build("classify", model=mlp(2, 32, 2))
    before = gradient_noise(objective, Toy(x, y, batch_size=128))
    fit(objective, Toy(x, y), optimizers="adamw:lr=1e-2", epochs=15, device="cpu")
    after = gradient_noise(objective, Toy(x, y, batch_size=128))
    assert after.scale > 2 * before.scale


def test_nothing_is_left_behind():
    x, y = quadrants(64)
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2))
    with untouched(model), global_state_untouched():
        gradient_noise(build("classify", model=model), Toy(x, y), draws=3, parts=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": 1}, "two sizes"),
        ({"draws": 1}, "two draws"),
        ({"parts": 64}, "a batch of 32 cannot be cut into 64 parts"),
    ],
)
def test_wrong_options_are_one_line(options, message):
    with pytest.raises(UsageError, match=message):
        gradient_noise(build("classify", model=mlp(2, 4, 2)), Toy(*quadrants(64)), **options)
