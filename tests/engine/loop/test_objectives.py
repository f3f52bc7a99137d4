"""Six kinds of learning through one loop, each judged against a baseline that is known."""

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.byol import BYOL
from tests.engine.objectives.ddpm import DDPM
from tests.engine.objectives.ppo import PPO
from tests.engine.objectives.supervised import Supervised
from tests.engine.objectives.vae import VAE
from tests.engine.objectives.wgan_gp import WGANGP
from tests.engine.toys import Toy, mlp, quadrants


def accuracy(outputs, targets):
    return float((outputs.argmax(-1) == targets).float().mean())


def test_supervised_beats_the_best_linear_model():
    """XOR-like quadrants: no linear model is much above chance, the network is."""
    x, y = quadrants(600)
    test = Toy(*quadrants(400, seed=1))
    scores = {}
    for name, model in {"linear": nn.Linear(2, 2), "mlp": mlp(2, 32, 2)}.items():
        fit(Supervised(model), Toy(x, y), optimizers="adamw:lr=2e-2", epochs=15)
        scores[name] = accuracy(*collect(model, test))
    assert scores["linear"] < 0.65
    assert scores["mlp"] > 0.95


def test_vae_approaches_the_likelihood_of_the_true_model():
    """Data of a linear-Gaussian model, whose exact likelihood is known.

    The bound must beat the best model without a latent (a factorised Gaussian: what the decoder
    can do when the posterior is the prior), and may not beat the truth.
    """
    mixing = torch.randn(8, 2)
    noise = 0.3
    data = torch.randn(1500, 2) @ mixing.T + noise * torch.randn(1500, 8)
    train, test = data[:1000], data[1000:]
    vae = VAE(mlp(8, 32, 4), mlp(2, 32, 8))
    run = fit(
        vae, Toy(train), validate=Toy(test), optimizers="adam:lr=5e-3", schedules="cosine",
        epochs=40,
    )  # fmt: skip
    bound = -run.best["valid/loss"]
    truth = MultivariateNormal(torch.zeros(8), mixing @ mixing.T + noise**2 * torch.eye(8))
    best = float(truth.log_prob(test).mean())
    apart = float(
        torch.distributions.Normal(train.mean(0), train.std(0)).log_prob(test).sum(-1).mean()
    )
    assert apart < bound - 0.7 * (best - apart), (apart, bound, best)
    assert bound < best + 0.2, (apart, bound, best)
    assert run.best["valid/kl"] > 0.5


def test_ddpm_finds_the_modes():
    """Four tight clusters; a Gaussian of the same mean and covariance almost never hits one."""
    modes = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    data = modes[torch.randint(4, (2000,))] + 0.1 * torch.randn(2000, 2)

    def hits(x):
        return float((torch.cdist(x, modes).min(-1).values < 0.3).float().mean())

    ddpm = DDPM(mlp(6, 64, 64, 2), steps=40)
    fit(ddpm, Toy(data, batch_size=128), optimizers="adam:lr=4e-3", schedules="cosine", epochs=150)
    samples = ddpm.sample(1000, 2)
    gaussian = torch.randn(1000, 2) * data.std(0) + data.mean(0)
    share = torch.cdist(samples, modes).argmin(-1).bincount(minlength=4) / len(samples)
    assert hits(gaussian) < 0.2
    assert hits(samples) > 0.8, hits(samples)
    assert share.min() > 0.15, share


def test_wgan_gp_matches_mean_and_covariance():
    scale = torch.tensor([[1.0, 0.0], [0.8, 0.4]])
    center = torch.tensor([2.0, -1.0])
    data = torch.randn(2000, 2) @ scale.T + center
    generator = mlp(2, 32, 2)
    gan = WGANGP(generator, mlp(2, 32, 32, 1), latent=2)
    noise = torch.randn(2000, 2)

    def distances():
        fake = generator(noise).detach()
        mean = (fake.mean(0) - data.mean(0)).norm()
        return float(mean), float((fake.T.cov() - data.T.cov()).norm())

    before = distances()
    rates = {"critic": "adam:lr=5e-3,betas=[0.0,0.9]", "generator": "adam:lr=1e-3,betas=[0.0,0.9]"}
    run = fit(
        gan, Toy(data, batch_size=128), optimizers=rates, schedules="cosine", epochs=30,
        validate=Toy(data[:256], batch_size=128),
    )  # fmt: skip
    after = distances()
    assert after[0] < before[0] / 5, (before, after)
    assert after[1] < before[1] / 2, (before, after)
    assert run.steps == 30 * 16
    assert {"train/critic/loss", "train/generator/loss", "lr/critic"} <= set(run.history[0])
    assert run.best == {}


def test_byol_learns_to_ignore_what_the_augmentation_changes():
    """Four coordinates tell the class; twelve are noise that differs from view to view."""
    kinds = torch.randint(4, (800,))
    signal = 2.0 * torch.eye(4)[kinds] + 0.5 * torch.randn(800, 4)
    x = torch.cat([signal, 3 * torch.randn(800, 12)], -1)

    def augment(x):
        return torch.cat([x[:, :4] + 0.1 * torch.randn(len(x), 4), 3 * torch.randn(len(x), 12)], -1)

    def neighbour_accuracy(features):
        apart = torch.cdist(features[600:], features[:600])
        nearest = apart.topk(5, largest=False).indices
        return float((kinds[:600][nearest].mode(-1).values == kinds[600:]).float().mean())

    encoder = nn.Sequential(nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 8))
    predictor = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 8))
    byol = BYOL(encoder, predictor, augment)
    start = [parameter.clone() for parameter in byol.target.parameters()]
    fit(byol, Toy(x[:600], batch_size=100), optimizers="adamw:lr=3e-3", epochs=60)
    encoder.eval()
    features = nn.functional.normalize(encoder(x).detach(), dim=-1)
    assert neighbour_accuracy(x) < 0.6
    assert neighbour_accuracy(features) > 0.95, neighbour_accuracy(features)
    assert features.std(0).mean() > 0.05, "collapsed"
    assert all(not torch.equal(a, b) for a, b in zip(start, byol.target.parameters(), strict=True))


def test_the_moving_average_is_the_one_of_the_formula():
    encoder, predictor = mlp(4, 8, 3), mlp(3, 8, 3)
    byol = BYOL(encoder, predictor, lambda x: x, tau=0.9)
    expected = [parameter.detach().clone() for parameter in encoder.parameters()]
    seen = []

    def after_step(player, original=byol.after_step):
        original(player)
        for slow, fast in zip(expected, encoder.parameters(), strict=True):
            slow.mul_(0.9).add_(fast.detach(), alpha=0.1)
        seen.append(player)

    byol.after_step = after_step
    fit(byol, Toy(torch.randn(60, 4), batch_size=20), epochs=2)
    assert seen == ["online"] * 6
    for slow, target in zip(expected, byol.target.parameters(), strict=True):
        torch.testing.assert_close(slow, target)


def test_ppo_nears_the_best_reward():
    """A bandit with two states and four arms: the best arm pays 1, chance pays 0.25."""
    states = torch.eye(2)[torch.randint(2, (512,))]
    best = torch.tensor([3, 1])

    def reward(states, actions):
        return (actions == best[states.argmax(-1)]).float()

    agent = PPO(mlp(2, 16, 4), mlp(2, 16, 1), reward)
    run = fit(agent, Toy(states, batch_size=128), optimizers="adam:lr=1e-2", epochs=6)
    rewards = [record["train/reward"] for record in run.history]
    assert rewards[0] < 0.6
    assert rewards[-1] > 0.95, rewards
    assert run.steps == 24


@pytest.mark.parametrize("sizes", [(16, 16, 16, 16), (5, 30, 1, 28)])
def test_microbatches_equal_the_full_batch(sizes):
    """Float64, 1e-12: two steps on four microbatches, even and uneven, or on all at once.

    Where an objective draws noise, the noise comes with the data, so that both ways see the same;
    the critic's penalty is taken in the middle of each pair for the same reason.
    """
    from tests.engine.accumulation import CASES, steps

    for name, make in CASES.items():
        whole = steps(make, [64], 1)
        parts = steps(make, list(sizes), 4)
        for a, b in zip(whole, parts, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12, msg=lambda m: f"{name}: {m}")  # noqa: B023
