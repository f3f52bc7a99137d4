import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from cartograd.frontier.privacy import loss_distribution, renyi
from cartograd.frontier.privacy.dp_sgd import enough_noise
from cartograd.frontier.privacy.sampled_gaussian import curves, gaussian_delta

# Rate, noise, steps; then eps at delta 1e-5 by dp-accounting 0.6.0 (distribution of losses), by
# opacus 1.6.0 (PRV, whose error may be 0.01) and by opacus' Rényi accountant, run on 2026-11-29.
KNOWN = [
    (0.04, 1.5, 2250, 6.76879, 6.77913, 7.32911),
    (256 / 60_000, 1.1, 14_062, 2.38169, 2.39174, 2.59656),
    (256 / 60_000, 1.3, 3750, 0.89463, 0.90465, 0.98602),
    (0.01, 0.7, 5000, 9.76976, 9.78030, 10.80494),
    (1.0, 5.0, 10, 2.59438, 2.60454, 2.81365),
    (1.0, 10.0, 100, 4.37718, 4.38741, 4.72851),
]


@pytest.mark.place("privacy/dp")
@pytest.mark.oracle("dp-sgd")
@pytest.mark.parametrize(("rate", "noise", "steps", "google", "prv", "rdp"), KNOWN)
def test_accounts_are_those_of_dp_accounting_and_opacus(rate, noise, steps, google, prv, rdp):
    given = {"rate": rate, "noise": noise, "steps": steps, "delta": 1e-5}
    exact, loose = loss_distribution.epsilon(**given), renyi.epsilon(**given)
    assert exact == pytest.approx(google, abs=1e-4)
    assert prv - 0.011 <= exact <= prv
    assert rdp <= loose <= rdp * 1.01  # whole orders only
    assert exact < loose


@pytest.mark.law("dp-sgd")
@pytest.mark.parametrize(("noise", "steps"), [(5.0, 10), (1.0, 1), (0.5, 3), (20.0, 400)])
@pytest.mark.parametrize("delta", [1e-3, 1e-8])
def test_without_sampling_the_account_is_the_closed_form(noise, steps, delta):
    mu = math.sqrt(steps) / noise
    right = brentq(lambda eps: gaussian_delta(eps, mu) - delta, 0, 200)
    found = loss_distribution.epsilon(rate=1.0, noise=noise, steps=steps, delta=delta)
    assert right - 1e-9 <= found <= right + 1e-3


@pytest.mark.parametrize("rate", [0.01, 0.5, 1.0])
def test_curves_are_those_of_integrals(rate):
    noise = 0.8
    x = np.linspace(-14, 15, 200_001)
    without, with_ = norm.pdf(x, 0, noise), norm.pdf(x, 1, noise)
    mixed = (1 - rate) * without + rate * with_
    for eps in (-1.0, 0.0, 0.3, 2.0):
        pairs = (mixed, without), (without, mixed)
        for curve, (p, q) in zip(curves(rate, noise), pairs, strict=True):
            delta = np.trapezoid(np.maximum(p - math.exp(eps) * q, 0), x)
            assert curve(np.array([eps]))[0] == pytest.approx(delta, abs=1e-8)


def test_more_steps_less_noise_and_larger_batches_tell_more():
    def eps(rate=0.02, noise=1.0, steps=100, delta=1e-5):
        return loss_distribution.epsilon(rate=rate, noise=noise, steps=steps, delta=delta)

    assert eps(steps=0) == 0
    assert eps(noise=0) == math.inf
    assert eps(steps=50) < eps() < eps(steps=200)
    assert eps(noise=2.0) < eps() < eps(noise=0.7)
    assert eps(rate=0.01) < eps() < eps(rate=0.04)
    assert eps(delta=1e-4) < eps() < eps(delta=1e-7)


@pytest.mark.parametrize("epsilon", [0.5, 8.0])
def test_the_least_noise_for_an_epsilon_is_found(epsilon):
    given = {"rate": 0.05, "steps": 60, "delta": 1e-5}
    noise = enough_noise(epsilon, **given)
    assert loss_distribution.epsilon(noise=noise, **given) <= epsilon
    assert loss_distribution.epsilon(noise=noise * 0.998, **given) > epsilon
