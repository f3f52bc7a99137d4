import itertools
import math

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.generative.autoencoders.gaussian import divergence, drawn, log_density
from cartograd.generative.likelihood import Likelihood


@pytest.mark.place("vae/vae")
@pytest.mark.law("vae")
def test_the_divergence_is_that_of_many_draws():
    mean, log_var = torch.tensor([[0.7, -1.2]]).double(), torch.tensor([[-0.5, 0.3]]).double()
    zero = torch.zeros(1, 2, dtype=torch.float64)
    z = drawn(mean, log_var, torch.randn(100_000, 2, dtype=torch.float64))
    found = log_density(z, mean, log_var) - log_density(z, zero, zero)
    error = found.std() / math.sqrt(len(found))
    assert abs(found.mean() - divergence(mean, log_var).sum()) < 3 * error


@pytest.mark.law("vae")
def test_slopes_by_reparametrisation_are_those_of_the_score():
    """Of the mean of a square, whose slopes are known: both ways, to three standard errors."""
    mean, log_var = (torch.tensor([[one]], dtype=torch.float64) for one in (0.7, -0.5))
    count = 50_000
    rows = [one.expand(count, 1).clone().requires_grad_() for one in (mean, log_var)]
    z = drawn(*rows, torch.randn(count, 1, dtype=torch.float64))
    cost = (z - 2).square()[:, 0]
    through = torch.autograd.grad(cost.sum(), rows)
    score = torch.autograd.grad((cost.detach() * log_density(z.detach(), *rows)).sum(), rows)
    right = (2 * (mean - 2)).item(), log_var.exp().item()
    for way in (through, score):
        for found, expected in zip(way, right, strict=True):
            error = found.std().item() / math.sqrt(count)
            assert found.mean().item() == pytest.approx(expected, abs=3 * error)
            assert error < 0.05
    assert through[0].std() < score[0].std() / 3  # why the trick is used


@pytest.mark.law("vae")
def test_a_code_moves_with_its_mean_and_half_its_noise():
    mean, log_var, noise = torch.randn(3, 6, 2, dtype=torch.float64)
    rows = mean.requires_grad_(), log_var.requires_grad_()
    by_mean, by_log_var = torch.autograd.grad(drawn(*rows, noise).sum(), rows)
    assert torch.equal(by_mean, torch.ones(6, 2).double())
    torch.testing.assert_close(by_log_var, (log_var / 2).exp() * noise / 2, rtol=1e-12, atol=1e-12)


def linear():
    """A VAE with a linear decoder, whose encoder knows the exact posterior; and its distribution.

    Probabilistic principal components: x = W z + m + noise, so x ~ N(m, W W' + s^2 I). The axes
    are orthogonal: a posterior of independent numbers is exact.
    """
    torch.manual_seed(0)
    model = build("vae", features=5, latent=2, widths=()).double()
    axes = torch.linalg.qr(torch.randn(5, 2, dtype=torch.float64))[0] * torch.tensor([2.0, 0.5])
    middle, scale = torch.randn(5, dtype=torch.float64), 0.3
    precision = axes.square().sum(0) / scale**2 + 1
    with torch.no_grad():
        model.decoder[0].weight.copy_(axes)
        model.decoder[0].bias.copy_(middle)
        model.observation.log_scale.fill_(math.log(scale))
        to_mean = axes.T / scale**2 / precision[:, None]
        model.encoder[0].weight.copy_(torch.cat([to_mean, torch.zeros(2, 5)]))
        model.encoder[0].bias.copy_(torch.cat([-to_mean @ middle, -precision.log()]))
    covariance = axes @ axes.T + scale**2 * torch.eye(5, dtype=torch.float64)
    return model.eval(), torch.distributions.MultivariateNormal(middle, covariance)


@pytest.mark.place("vae/vae")
@pytest.mark.law("vae")
def test_with_the_exact_posterior_the_bound_is_the_likelihood():
    model, true = linear()
    x = true.sample((50,))
    with torch.no_grad():
        z, (mean, log_var) = model.encode(x), model.posterior(x)
        said = model.observation.log_prob(x, model.said(z))
        spread = (log_var.exp() * model.decoder[0].weight.square().sum(0)).sum(1) / 0.3**2 / 2
        bound = said - spread - divergence(mean, log_var).sum(1)  # E of a square in closed form
        torch.testing.assert_close(bound, true.log_prob(x), rtol=0, atol=1e-10)
        model.draws = 3  # every weight of an exact posterior is p(x) itself
        torch.testing.assert_close(model(x), true.log_prob(x), rtol=0, atol=1e-10)
    assert model.likelihood == "iwae"


@pytest.mark.law("vae")
def test_more_draws_give_a_higher_bound_below_the_likelihood():
    model, true = linear()
    x = true.sample((400,))
    with torch.no_grad():
        model.encoder[0].bias += 0.3  # a posterior that is somewhat wrong
        model.train()  # new noise for each example
        means = []
        for draws in (1, 5, 50):
            model.draws = draws
            means.append(torch.stack([model(x) for _ in range(4)]).mean().item())
        truth = true.log_prob(x).mean().item()
    assert means[0] + 0.05 < means[1] < means[2] < truth + 0.01
    assert truth - means[2] < (truth - means[0]) / 3


@pytest.mark.law("vae")
@pytest.mark.parametrize("levels", [2, 4])
def test_the_chances_of_all_pictures_sum_to_one(levels):
    model = build("vae", features=3, latent=2, widths=(4,), levels=levels).double()
    every = torch.tensor(list(itertools.product(range(levels), repeat=3))).double() / (levels - 1)
    said = model.said(torch.randn(1, 2).double()).expand(len(every), 3)
    assert model.observation.log_prob(every, said).exp().sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.place("vae/vae")
@pytest.mark.law("vae")
def test_interpolation_ends_at_its_ends_and_prior_samples_are_like_the_data():
    """Two clusters on a line: a trained VAE draws both, and knows the way between them."""
    torch.manual_seed(0)
    side = (torch.arange(600) % 2 * 2.0 - 1)[:, None]
    x = side * torch.tensor([2.0, -1.0]) + 0.1 * torch.randn(600, 2)
    model = build("vae", features=2, latent=1, widths=(32,))
    batches = [(part, part) for part in x.split(100)]
    fit(
        Likelihood(model=model), batches, optimizers="adam:lr=1e-2", schedule="cosine", epochs=60,
        device="cpu",
    )  # fmt: skip
    model.eval()
    with torch.no_grad():
        found = model(x).mean().item()
        normal = torch.distributions.MultivariateNormal(x.mean(0), x.T.cov()).log_prob(x).mean()
        assert found > normal.item() + 0.3
        drawn_ones = model.sample(500, torch.Generator().manual_seed(0))
        assert 0.3 < (drawn_ones[:, 0] > 0).float().mean() < 0.7
        assert (drawn_ones.abs() - torch.tensor([2.0, 1.0])).abs().mean() < 0.4
        ends = model.decode(model.encode(x[:2]))
        assert (ends - x[:2]).abs().max() < 0.5


@pytest.mark.place("vae/conditional")
@pytest.mark.law("vae")
def test_examples_are_of_the_class_that_was_asked():
    torch.manual_seed(0)
    y = torch.arange(600) % 3
    x = y[:, None].float() * 3 + 0.3 * torch.randn(600, 2)
    model = build("vae", features=2, classes=3, latent=1, widths=(16,))
    batches = [(a, b, a) for a, b in zip(x.split(100), y.split(100), strict=True)]
    fit(Likelihood(model=model), batches, optimizers="adam:lr=2e-2", epochs=30, device="cpu")
    asked = torch.tensor([2, 0, 1]).repeat(50)
    with torch.no_grad():
        made = model.eval().sample(150, torch.Generator().manual_seed(0), y=asked)
    assert ((made.mean(1) / 3).round() == asked).float().mean() > 0.95
    with pytest.raises(UsageError, match="needs y, one of 3 classes"):
        model(x)


def test_free_bits_and_a_weight_count_in_training_alone():
    torch.manual_seed(0)
    plain, other = (
        build("vae", features=4, latent=2, widths=(5,), divergence_weight=w, free_bits=f)
        for w, f in ((1.0, 0.0), (4.0, 0.5))
    )
    other.load_state_dict(plain.state_dict())
    x = torch.randn(7, 4)
    assert torch.equal(plain.eval()(x), other.eval()(x))
    torch.manual_seed(1)
    one = plain.train()(x)
    torch.manual_seed(1)
    two = other.train()(x)
    cost = divergence(*plain.posterior(x))
    torch.testing.assert_close(one - two, (4 * cost.clamp(min=0.5) - cost).sum(1))
