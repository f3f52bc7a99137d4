"""PPO: the analytic optimum, ratios of one, the critic, and beta that follows the divergence."""

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.frontier.alignment.policy import thought, tokens_of, tried
from cartograd.frontier.alignment.ppo import PPO
from tests.frontier.alignment.test_grpo import batch, gpt
from tests.frontier.alignment.toys import Table, asked

ANSWERS, BETA = 16, 0.5


def taught():
    return gpt, batch, {"updates": 1}


def stepped(own, optimizers, given):
    for loss in own.losses(given):
        optimizer = optimizers[loss.player]
        optimizer.zero_grad()
        ((loss.value * loss.weight).sum() / loss.weight.sum()).backward()
        optimizer.step()
        yield loss


@pytest.mark.law("ppo")
def test_ppo_ends_at_the_analytic_optimum():
    draw = torch.Generator().manual_seed(3)
    start, reward = (torch.randn(ANSWERS, generator=draw, dtype=torch.float64) for _ in range(2))
    best = (start.log_softmax(0) + reward / BETA).log_softmax(0)
    policy = Table(start.expand(ANSWERS, ANSWERS).contiguous())
    own = PPO(
        model=policy, reward=lambda texts: [reward[int(text)].item() for text in texts],
        generations=256, length=1, beta=BETA,
    )  # fmt: skip
    optimizers = {
        name: torch.optim.Adam(player.parameters()) for name, player in own.players.items()
    }

    def apart():
        now = policy.logits[0].detach().log_softmax(0)
        return (now.exp() * (now - best)).sum().item()

    assert apart() > 1
    for step in range(40):
        torch.default_generator.manual_seed(step)
        for optimizer in optimizers.values():
            optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 40)
        list(stepped(own, optimizers, asked([[0]])))
    assert apart() < 0.005


@pytest.mark.law("ppo")
def test_at_the_first_step_nothing_is_clipped_and_players_take_turns():
    own = PPO(model=gpt(dropout=0.5).train(), reward="words", generations=2, length=4, updates=2)
    losses = list(own.losses(batch(3)))
    assert [loss.player for loss in losses] == ["model", "critic"] * 2
    assert (losses[0].metrics["clipped"] == 0).all()
    assert (losses[0].metrics["kl"] == 0).all()
    assert (losses[0].metrics["reward"] == 4).all()
    assert all(loss.weight.sum() == 3 * 2 * 4 for loss in losses)


@pytest.mark.law("ppo")
def test_one_pass_gives_likelihoods_and_what_the_critic_reads():
    model = gpt().double()
    own = PPO(model=model, reward="words", generations=2, length=4)
    found = tried(model, own._reference[0], own.reward, batch(3), generations=2, length=4)
    answers = found.drawn
    likely, seen = thought(model, answers)
    torch.testing.assert_close(likely, tokens_of(model, answers), rtol=1e-12, atol=1e-12)
    expected = model.hidden(answers.tokens)[answers.mask]
    torch.testing.assert_close(seen, expected, rtol=1e-12, atol=1e-12)
    assert likely.requires_grad
    assert not seen.requires_grad


@pytest.mark.law("ppo")
def test_the_reward_comes_last_and_each_token_pays_for_its_divergence():
    model = gpt().double()
    own = PPO(model=model, reward="words", generations=2, length=4, beta=0.3)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.05 * torch.randn(weight.shape, dtype=weight.dtype)
    found = tried(model, own._reference[0], own.reward, batch(2), generations=2, length=4)
    rewards = own.rewards(found)
    assert (rewards[:, 0] == 0).all()
    assert found.divergence.abs().max() > 0.01
    torch.testing.assert_close(
        rewards.sum(1), found.rewards - 0.3 * found.divergence, rtol=1e-10, atol=1e-10
    )
    free = PPO(model=model, reward="words", generations=2, length=4, beta=0.0).rewards(found)
    assert (free[:, -1] == 4).all()
    assert (free[:, :-1] == 0).all()


@pytest.mark.law("ppo")
@pytest.mark.parametrize(("far", "rises"), [(2.0, True), (0.5, False)])
def test_beta_follows_the_divergence_to_its_target(far, rises):
    own = PPO(model=gpt(), reward="words", beta=0.1, target_kl=1.0)
    own._far = far
    own._follow()
    assert (own.beta > 0.1) == rises
    torch.testing.assert_close(own.beta.item(), 0.1 * (1.02 if rises else 0.98))
    assert "beta" in own.state_dict()


def test_the_critic_learns_what_to_expect():
    own = PPO(model=gpt(), reward="words", generations=4, length=3, beta=0.0, updates=8)
    optimizers = {name: torch.optim.SGD(player.parameters(), lr=0.3 if name == "critic" else 0.0)
                  for name, player in own.players.items()}  # fmt: skip
    missed = [loss.value.mean().item() for _ in range(6)
              for loss in stepped(own, optimizers, batch(4))
              if loss.player == "critic"]  # fmt: skip
    assert missed[0] > 4
    assert missed[-1] < 0.1


def test_models_without_features_are_refused():
    with pytest.raises(UsageError, match="shows no features"):
        PPO(model=nn.Linear(2, 2), reward="words")
