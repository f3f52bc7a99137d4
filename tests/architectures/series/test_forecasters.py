"""Forecasters: what each says by its formula, and what all of them share."""

import math

import pytest
import torch

from cartograd.architectures.series.ends import Ends, factors
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.timeline import Timeline


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def made(spec):
    torch.manual_seed(0)
    return build(spec).double().eval()


@pytest.mark.law("naive")
def test_naive_is_the_last_value_whatever_was_before():
    model, x = made("naive:horizon=3"), drawn(5, 2, 12)
    said = model(x)
    torch.testing.assert_close(said[:, :, 1], x[:, 0, -1:].expand(-1, 3), rtol=1e-9, atol=1e-9)
    assert [name for name, _ in model.named_parameters()] == ["widths"]
    other = torch.cat([x[:, :1, :-1].flip(2), x[:, :1, -1:]], 2)  # of the same mean and deviation
    torch.testing.assert_close(model(other), said, rtol=1e-9, atol=1e-9)


@pytest.mark.law("seasonal-naive")
def test_seasonal_naive_is_the_season_before():
    model, x = made("seasonal-naive:horizon=6,season=4"), drawn(5, 1, 12)
    expected = x[:, 0, [8, 9, 10, 11, 8, 9]]
    torch.testing.assert_close(model(x)[:, :, 1], expected, rtol=1e-9, atol=1e-9)
    one = made("seasonal-naive:horizon=6,season=1")
    torch.testing.assert_close(one(x), made("naive:horizon=6")(x), rtol=1e-12, atol=1e-12)


Y = [(7 * i * i + 3 * i) % 11 + 0.25 * i for i in range(24)]
KEPT = (
    10.152943828121217, 11.433625772392526, 10.433549586707986,
    15.41101366839284, 11.88378702574457, 13.077926810134713,
)  # fmt: skip
"""What statsmodels 0.15.0 gives: ETSModel(Y, error="add", trend="add", damped_trend=True,
seasonal="add", seasonal_periods=4, initialization_method="known", initial_level=3,
initial_trend=0.2, initial_seasonal=[1, -0.5, 0.25, -0.75]).smooth([0.4, 0.1, 0.3, 0.95])
.forecast(6), the shares alpha, beta, gamma and phi."""


@pytest.mark.oracle("exponential-smoothing")
def test_exponential_smoothing_equals_statsmodels():
    model = made("exponential-smoothing:context=24,horizon=6,season=4")
    alpha, beta, gamma, phi = 0.4, 0.1, 0.3, 0.95
    shares = (alpha, beta / alpha, gamma / (1 - alpha), (phi - 0.8) / 0.2)
    logits = [math.log(share / (1 - share)) for share in shares]
    with torch.no_grad():
        model.shares.copy_(torch.tensor(logits, dtype=torch.float64))
    first = torch.tensor([[3.0, 0.2, 1.0, -0.5, 0.25, -0.75]], dtype=torch.float64)
    said = model.forecast(torch.tensor([Y], dtype=torch.float64), first)
    torch.testing.assert_close(said[0].tolist(), list(KEPT), rtol=1e-9, atol=1e-9)


@pytest.mark.law("exponential-smoothing")
def test_what_repeats_on_a_line_is_forecast_exactly():
    model = made("exponential-smoothing:context=24,horizon=6,season=4")
    with torch.no_grad():
        model.shares[3] = 60.0  # a trend that is not damped
    season = torch.tensor([1.0, 5.0, 2.0, 7.0], dtype=torch.float64).repeat(8)[:30]
    y = 0.3 * torch.arange(30, dtype=torch.float64) + season
    torch.testing.assert_close(model(y[None, None, :24])[0, :, 1], y[24:], rtol=0, atol=1e-9)
    bent = y.clone()
    bent[20:] += 1  # a jump is followed in part
    assert (model(bent[None, None, :24])[0, :, 1] - bent[24:]).abs().max() > 0.05


@pytest.mark.oracle("lstm-forecaster")
def test_lstm_equals_torchs():
    model, x = made("lstm-forecaster:channels=2,horizon=3,dim=8"), drawn(5, 2, 12)
    level = x[:, :1].mean(2)
    spread = x[:, :1].std(2, correction=0) + 1e-5
    z = torch.cat([(x[:, :1] - level[:, None]) / spread[:, None], x[:, 1:]], 1)
    states, _ = model.memory.kernel(z.mT)
    below, middle, above = model.head(states[:, -1]).unflatten(1, (3, 3)).unbind(2)
    ends = middle - below.exp().log1p(), middle, middle + above.exp().log1p()
    expected = level[:, :, None] + spread[:, :, None] * torch.stack(ends, 2)
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)


SIZED = (
    "lstm-forecaster:channels=2,horizon=3,dim=8",
    "tcn:channels=2,context=12,horizon=3,width=4",
    "patchtst:channels=2,context=12,horizon=3,dim=8,heads=2,depth=1,ffn_dim=12",
    "n-beats:channels=2,context=12,horizon=3,width=8,depth=2",
    "exponential-smoothing:context=12,horizon=3,season=4",
)


@pytest.mark.law("lstm-forecaster", "tcn", "patchtst", "n-beats")
@pytest.mark.parametrize("spec", SIZED)
def test_another_unit_of_the_series_is_another_unit_of_the_forecast(spec):
    model, x = made(spec), 100 * drawn(5, 2, 12)
    other = torch.cat([1.8 * x[:, :1] + 32, x[:, 1:]], 1)
    torch.testing.assert_close(model(other), 1.8 * model(x) + 32, rtol=1e-5, atol=1e-5)


@pytest.mark.law("tcn")
def test_a_feature_sees_the_past_of_the_formula_and_nothing_later():
    model = made("tcn:channels=1,context=40,horizon=2,width=4,depth=3,kernel_size=3")
    assert model.receptive_field == 1 + 2 * 2 * (1 + 2 + 4) == 29
    x = drawn(1, 1, 40).requires_grad_()
    (slope,) = torch.autograd.grad(model.blocks(x)[0, :, 33].sum(), x)
    seen = slope[0, 0].nonzero().flatten()
    assert (int(seen[0]), int(seen[-1])) == (33 - 28, 33)
    assert made("tcn:channels=1,context=40,horizon=2,width=4").receptive_field >= 40


@pytest.mark.paper("patchtst")
def test_as_many_patches_as_in_the_paper():
    model = made("patchtst:channels=1,context=336,horizon=96,patch_size=16,depth=1")
    assert model.places.shape == (42, 16)


@pytest.mark.law("patchtst")
def test_patches_are_the_steps_of_the_window():
    model = made("patchtst:channels=1,context=10,horizon=2,patch_size=4,dim=8,heads=2,depth=1")
    patches = model.patches(torch.arange(10.0, dtype=torch.float64)[None, None])
    assert patches[0].tolist() == [
        [0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9], [8, 9, 9, 9],
    ]  # fmt: skip


@pytest.mark.law("n-beats")
def test_the_forecast_is_the_sum_of_what_blocks_say_of_what_is_left():
    model, z = made("n-beats:channels=2,context=12,horizon=3,width=8,depth=3"), drawn(5, 2, 12)
    parts, left = model.parts(z), z[:, 0]
    for block, part in zip(model.blocks, parts, strict=True):
        explained, said = block(torch.cat([left, z[:, 1]], 1))
        torch.testing.assert_close(said, part, rtol=1e-12, atol=1e-12)
        left = left if explained is None else left - explained
    assert explained is None  # nobody reads what the last one leaves
    torch.testing.assert_close(sum(parts), torch.stack(parts).sum(0), rtol=1e-12, atol=1e-12)


def test_stretched_intervals_hold_what_they_promise_of_those_held_back_and_of_others():
    """Split conformal prediction: of n + 1 in any order, the last is held as often as promised."""
    ends, raw = Ends(4).double(), drawn(3000, 4, 3)
    zero, one = torch.zeros(3000, 1).double(), torch.ones(3000, 1).double()
    right = 3 * drawn(6000, 4)[3000:]
    before = ends(raw, zero, one)
    ends.calibrate(before[:1500], right[:1500], level=0.8)
    after = ends(raw, zero, one)
    held = (after[:, :, 0] <= right) & (right <= after[:, :, 2])
    assert (held[:1500].double().mean(0) * 1500).round().tolist() == [1201.0] * 4
    assert (held[1500:].double().mean(0) - 0.8).abs().max() < 0.04
    assert torch.equal(after[:, :, 1], before[:, :, 1])


def test_the_factor_is_the_order_statistic():
    outputs = torch.tensor([[[-1.0, 0.0, 2.0]]]).expand(9, 1, 3)
    values = [-0.5, -2.0, 4.0, 1.0, 0.2, -0.1, 2.0, 3.0, -3.0]
    right = torch.tensor(values)[:, None]
    scores = sorted([0.5, 2.0, 2.0, 0.5, 0.1, 0.1, 1.0, 1.5, 3.0])
    assert factors(outputs, right, level=0.8).tolist() == pytest.approx([scores[7]])
    assert factors(outputs, right, level=0.99).tolist() == pytest.approx([3.0])


def test_sizes_follow_from_the_data_and_cannot_be_others():
    timeline = Timeline("y", "t", season=4, horizon=3)
    signature = Signature(
        (Port("past", "series", (2, 12), timeline=timeline),),
        (Port("y", "value", (3, 3), task="forecast"),),
    )
    model = build("exponential-smoothing", signature=signature)
    assert model.spec.args == {"context": 12, "horizon": 3, "season": 4}
    assert Signature.from_json(signature.to_json()) == signature
    data = signature.to_json()
    data["inputs"][0]["timeline"]["season"] = 0
    with pytest.raises(UsageError, match="season or horizon is below 1"):
        Signature.from_json(data)
