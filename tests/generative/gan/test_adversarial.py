import math

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from cartograd.apps.verbs.train import train
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.generative.gan.adversarial import LOSSES, Adversarial
from cartograd.generative.gan.critic import critic_for
from cartograd.generative.gan.game import slopes
from tests.generative.gan.games import generator, rows, shifting, signature, small


def taught():
    """What objectives are tried with."""
    return small()


@pytest.mark.law("adversarial")
@pytest.mark.place("gan/vanilla")
def test_the_generators_slopes_are_those_of_the_formulas():
    logit = torch.tensor([-10.0, -1, 0, 2], dtype=torch.float64, requires_grad=True)

    def slope(loss):
        (found,) = torch.autograd.grad(LOSSES[loss].generator(logit).sum(), logit)
        return found

    share = logit.detach().sigmoid()
    torch.testing.assert_close(slope("minimax"), -share, rtol=1e-10, atol=0)
    torch.testing.assert_close(slope("non-saturating"), -(1 - share), rtol=1e-10, atol=0)
    assert slope("minimax")[0].item() == pytest.approx(-4.5398e-5, rel=1e-4)
    torch.testing.assert_close(slope("hinge"), -torch.ones_like(share))
    torch.testing.assert_close(slope("least-squares"), logit.detach() - 1)


def test_hinge_and_least_squares_of_the_critic():
    real, fake = torch.tensor([0.5, 2.0]), torch.tensor([-2.0, 0.5])
    assert LOSSES["hinge"].critic(real, fake).tolist() == [0.5, 1.5]
    assert LOSSES["least-squares"].critic(real, fake).tolist() == [2.125, 0.625]


@pytest.mark.law("adversarial")
@pytest.mark.place("gan/vanilla")
def test_the_critic_becomes_the_share_of_real_examples():
    """p / (p + q) = sigmoid(2x) for N(1,1) and N(-1,1); at -JSD the loss is log 4 - 2 JSD."""
    torch.manual_seed(0)
    objective = Adversarial(model=shifting(-1.0), norm=None, width=4)
    optimizer = torch.optim.Adam(objective.game.critic.parameters(), lr=1e-2)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / 300)
        x, noise = torch.randn(2, 512, 1)
        optimizer.zero_grad()
        next(objective.losses((noise, x + 1))).value.mean().backward()
        optimizer.step()
    x = torch.linspace(-2, 2, 41)[:, None]
    found = objective.game.critic(x).sigmoid()
    assert (found - (2 * x[:, 0]).sigmoid()).abs().max().item() < 0.05
    grid = torch.linspace(-9, 9, 4001, dtype=torch.float64)
    p, q = (torch.distributions.Normal(one, 1).log_prob(grid).exp() for one in (1.0, -1.0))
    apart = (torch.special.xlogy(p, 2 * p / (p + q)) + torch.special.xlogy(q, 2 * q / (p + q))) / 2
    step = grid[1] - grid[0]
    value = math.log(4) - 2 * (apart.sum() * step).item()
    best = (p * softplus(-2 * grid) + q * softplus(2 * grid)).sum() * step
    assert best.item() == pytest.approx(value, abs=1e-9)  # of sigmoid(2x) itself
    noise = torch.randn(2, 20_000, 1)
    reached = objective.eval().validate((noise[0], noise[1] + 1))["critic/loss"].mean().item()
    assert reached == pytest.approx(value, abs=0.03)


@pytest.mark.law("adversarial", "wgan", "wgan-gp")
@pytest.mark.parametrize(
    ("name", "settings"),
    [(f"adversarial:loss={loss},norm=none", {"r1": 1.0}) for loss in LOSSES]
    + [("wgan", {}), ("wgan-gp", {})],
)
def test_what_the_critic_lowers_does_not_move_the_generator(name, settings):
    """Real and made examples go through the critic apart from each other, the made ones cut off."""
    torch.manual_seed(0)
    objective = build(name, kind="objective", model=generator(), **settings)
    rows = []
    objective.game.critic.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    ours, theirs = objective.game.critic, objective.game.model
    next(objective.losses((torch.randn(5, 3), torch.randn(5, 2)))).value.mean().backward()
    assert all(one.grad is None for one in theirs.parameters())
    assert all(one.grad is not None for one in ours.parameters())
    assert set(rows) == {5}


@pytest.mark.law("adversarial")
def test_r1_of_a_linear_critic_is_that_of_its_weights():
    line = nn.Linear(3, 1).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    found = slopes(lambda x, y: line(x)[:, 0], x, None)
    torch.testing.assert_close(found, line.weight.square().sum().expand(5), rtol=0, atol=1e-12)
    game = Adversarial(model=generator().double(), norm=None, r1=4.0).double()
    plain = Adversarial(model=game.game.model, norm=None).double()
    plain.game.critic = game.game.critic
    batch = (x, x[:, :2].clone())
    more = next(game.losses(batch)).value - next(plain.losses(batch)).value
    torch.testing.assert_close(more, 2 * slopes(game.game.critic, x[:, :2], None))


def test_spectral_norm_keeps_the_critic_no_steeper_than_one():
    torch.manual_seed(0)
    critic = critic_for(signature(), width=4, norm="spectral")
    x = 10 * torch.randn(200, 2)
    for _ in range(50):
        critic(x)
    assert slopes(critic.eval(), x, None).max().item() <= 1.001


def test_the_projection_is_the_classs_own():
    critic = critic_for(signature(classes=3), width=4)
    x = torch.randn(1, 2)
    seen = critic.layers(x)
    more = critic(x, torch.tensor([2])) - critic(x)
    torch.testing.assert_close(more, seen @ critic.told.weight[2])


@pytest.mark.place("gan/vanilla")
@pytest.mark.parametrize(
    ("name", "optimizer"),
    [("adversarial", "adam:lr=1e-3"), ("wgan", "rmsprop"), ("wgan-gp", "adam:lr=1e-3")],
)
def test_a_resumed_game_ends_as_one_that_was_not_stopped(name, optimizer, tmp_path):
    """Both players, their optimizers, the turns and the moving average."""
    torch.manual_seed(3)
    data = rows(torch.randn(40, 2), torch.randn(40, 3))

    def run(epochs, folder, *, resume=False):
        torch.manual_seed(0)
        objective = build(name, kind="objective", model=generator())
        fit(objective, data.batches(batch_size=8), optimizers=optimizer, schedules=None,
            epochs=epochs, average="ema:decay=0.9", folder=folder, resume=resume)  # fmt: skip
        return objective

    whole = run(4, tmp_path / "whole")
    run(2, tmp_path / "parts")
    resumed = run(4, tmp_path / "parts", resume=True)
    assert whole.game.taken == resumed.game.taken == 20
    ours, theirs = whole.state_dict(), resumed.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_generator_alone_is_averaged():
    torch.manual_seed(3)
    data = rows(torch.randn(16, 2), torch.randn(16, 3))

    def run(average):
        torch.manual_seed(0)
        objective = Adversarial(model=generator(), norm=None)
        fit(objective, data.batches(batch_size=8), optimizers="adam:lr=1e-2", epochs=2,
            average=average)  # fmt: skip
        return [torch.cat([one.flatten() for one in player.parameters()])
                for player in (objective.game.critic, objective.game.model)]  # fmt: skip

    (critic, model), (same, other) = run(None), run("ema:decay=0.9")
    assert torch.equal(critic, same)
    assert not torch.equal(model, other)


def test_the_best_epoch_is_that_of_the_least_frechet_distance(tmp_path):
    run = train(
        "gan:width=2,latent=4", "gaussian-grid:examples=60", epochs=2, folder=tmp_path / "r"
    )
    assert run.best["valid/frechet"] == min(one["valid/frechet"] for one in run.history)
    assert {"valid/critic/loss", "train/model/loss"} <= set(run.history[0])


def test_the_generator_moves_at_every_nth_batch():
    torch.manual_seed(0)
    objective = build("wgan-gp", model=generator(), critic_steps=3)
    seen = []
    for _ in range(7):
        for loss in objective.losses((torch.randn(4, 3), torch.randn(4, 2))):
            seen.append(loss.player)
            objective.after_step(loss.player)
    assert "".join(one[0] for one in seen) == "cmcccmcccm"


def test_what_is_no_generator_is_refused():
    with pytest.raises(UsageError, match="got Linear"):
        Adversarial(model=nn.Linear(3, 2))
    with pytest.raises(UsageError, match="adversarial loss"):
        Adversarial(model=generator(), loss="hinges")
    with pytest.raises(UsageError, match="norm of a critic"):
        Adversarial(model=generator(), norm="layer")
    with pytest.raises(UsageError, match="none or spectral"):
        build("wgan-gp", model=generator(), norm="batch")
