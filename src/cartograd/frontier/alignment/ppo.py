"""PPO of language models: raise a reward by trial, a little at a time, near where one began.

The policy draws answers, each gets its reward, and each of its tokens the price of having moved
away from a reference. A critic says what was to be expected after each token; where it went better,
the token becomes likelier, but only until its probability has changed by a fifth.

    r_t = -beta (log p_t - log q_t), and the reward at the last token more
    A = advantages of r and V by GAE (gamma 1, lambda 0.95), whitened;  R = A + V
    policy: -min(s A, clip(s, 1 - e, 1 + e) A),  s = p_t / p_t before
    critic: 1/2 max((V - R)^2, (V before + clip(V - V before, -e, e) - R)^2)

As long as the critic expects nothing, a reward at the last of ten tokens counts 0.63 at the first:
whitened, early tokens are worse than the mean and late ones better, whatever is rewarded. With
`gae_lambda=1` all tokens of an answer count alike.

The optimum is known: p(y) ~ q(y) exp(reward(y) / beta). With `target_kl` beta follows the
divergence: it rises where that is above the target and falls where it is below (Ziegler 2019).

Shapes: a batch is (tokens, ..., labels), as of `grpo`; `b generations` answers of at most `length`
tokens.

Departures: the critic is a layer on the features of the policy, which do not learn for it, instead
of a network as large as the policy. Policy and critic step by turns, each on its own loss, and the
critic on the features that the policy's own pass gave.

References:
    John Schulman et al. Proximal policy optimization algorithms. 2017.
    https://arxiv.org/abs/1707.06347
    Daniel Ziegler et al. Fine-tuning language models from human preferences. 2019.
    https://arxiv.org/abs/1909.08593
    Long Ouyang et al. Training language models to follow instructions with human feedback. 2022.
    https://arxiv.org/abs/2203.02155

>>> from cartograd.core.build import build
>>> model = build("gpt:vocabulary=9,context=8,dim=8,heads=2,depth=1")
>>> objective = PPO(model=model, reward="letter-4", generations=4, length=3, updates=1)
>>> batch = torch.tensor([[1, 2]]), torch.tensor([[-100, 3]])
>>> [loss.player for loss in objective.losses(batch)]
['model', 'critic']
"""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.frontier.alignment.estimates import ESTIMATORS, advantages, whitened
from cartograd.frontier.alignment.policy import (
    Featured,
    Tried,
    by_prompt,
    clipped,
    kept,
    share_clipped,
    thought,
    tried,
)  # fmt: skip
from cartograd.frontier.alignment.rewards import Reward, reward_of
from cartograd.training.preferences.likelihood import Reference

CARD = Card(
    name="ppo",
    kind="objective",
    entry="PPO",
    nodes=("llm/rlhf",),
    title="Proximal policy optimisation of language models",
    zh="近端策略优化（PPO）",
    paper="Proximal policy optimization algorithms",
    year=2017,
    url="https://arxiv.org/abs/1707.06347",
    proofs=(
        "law: advantages equal the double sum, and k1 and k3 are unbiased",
        "law: at the first step every ratio is 1 to the bit and nothing is clipped",
        "law: on sixteen answers it ends at pi_ref exp(r / beta), to a divergence of 0.005",
        "law: beta follows the divergence to its target",
    ),
    evidence={
        "llm/rlhf": ("test_ppo_ends_at_the_analytic_optimum", "acceptance:ppo-smollm2"),
    },
    tiny={"reward": "letter-4", "generations": 4, "length": 4},
    settings={"optimizer": "adamw:lr=1e-4", "epochs": 3},
    logs={"reward": "higher", "kl": "lower"},
)

HORIZON = 0.1
"""By how much of its error beta changes at a step."""


class PPO(nn.Module):
    """Rewards of answers, against what a critic expected.

    Args:
        model: a language model that can write.
        reward: a function from texts to numbers, or its name (see `rewards`).
        generations: answers to each prompt.
        length: the most tokens of an answer.
        beta: price of the divergence from the reference; where it is to follow `target_kl`, at
            first.
        target_kl: the divergence of a whole answer that beta is to keep; it stays if not given.
        kl_estimator: of each token's divergence: k1, with an unbiased slope, or k3, never below 0.
        clip_range: how far a ratio, and an expectation, may move before it counts no more.
        gae_lambda: how far rewards are followed, instead of what was expected; 1 for runs of so few
            steps that the critic learns little.
        updates: steps on the same answers.

    Raises:
        UsageError: the model shows no features.
    """

    beta: Tensor

    def __init__(
        self,
        *,
        model: nn.Module,
        reward: str | Reward,
        generations: int = 1,
        length: int = 64,
        beta: float = 0.05,
        target_kl: float | None = None,
        kl_estimator: Literal["k1", "k3"] = "k1",
        clip_range: float = 0.2,
        gae_lambda: float = 0.95,
        updates: int = 4,
    ):
        super().__init__()
        inner = model.model if isinstance(model, Signed) else model
        if not isinstance(inner, Featured):
            raise UsageError(
                f"ppo: {type(inner).__name__} shows no features (`hidden`) for a critic to read; "
                "grpo needs none"
            )
        weight = next(inner.parameters())
        with torch.no_grad():
            features = inner.hidden(torch.zeros(1, 1, dtype=torch.int64, device=weight.device))
        self.model, self.critic = model, nn.Linear(features.shape[-1], 1).to(weight)
        nn.init.zeros_(self.critic.weight)
        nn.init.zeros_(self.critic.bias)
        self.players = {"model": model, "critic": self.critic}
        self.register_buffer("beta", torch.tensor(beta, dtype=torch.float64))
        self.reward, self.target_kl = reward_of(reward), target_kl
        self.generations, self.length, self.updates = generations, length, updates
        self.clip_range, self.gae_lambda = clip_range, gae_lambda
        self.estimate = ESTIMATORS[kl_estimator]
        # No parts of this module: neither is trained, switched to training mode, or saved.
        self._reference: tuple[Reference] = (Reference(model),)
        self._far: float | None = None

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """By turns the policy's and the critic's, so many times as there are updates.

        Raises:
            UsageError: as `tried`.
        """
        found, prompts = self._tried(batch, learns=True, features=True), len(batch[0])
        answers, mask = found.drawn, found.drawn.mask
        now, seen = found.now, found.features
        assert seen is not None
        with torch.no_grad():
            expected = self._values(seen, mask)
            rewards = self.rewards(found)
            gain = advantages(rewards, expected, mask, gae_lambda=self.gae_lambda)
            goal, gain = gain + expected, whitened(gain, mask)
        weight = by_prompt(mask.sum(1), prompts).to(gain.dtype)
        e = self.clip_range
        self._far = found.divergence.mean().item()

        def each(tokens: Tensor) -> Tensor:
            return by_prompt((tokens * mask).sum(1) / mask.sum(1), prompts)

        for update in range(self.updates):
            if update:
                now, seen = thought(self.model, answers)
            ratio = torch.exp(now - found.before)
            metrics = {"clipped": each(share_clipped(ratio, gain, e, e)).mean(1).detach()}
            if update == 0:
                shown = {"reward": found.rewards, "kl": found.divergence}
                metrics |= {name: by_prompt(one, prompts).mean(1) for name, one in shown.items()}
            yield Loss(each(clipped(ratio, gain, e, e)), weight=weight, metrics=metrics)
            value = self._values(seen, mask)
            near = expected + (value - expected).clamp(-e, e)
            missed = torch.maximum((value - goal).square(), (near - goal).square()) / 2
            yield Loss(each(missed), "critic", weight=weight)
        self._follow()

    def rewards(self, found: Tried, /) -> Float[Tensor, "n t"]:
        """Of each token: the price of having moved, and at the last one the answer's reward."""
        mask = found.drawn.mask
        price = self.beta.to(found.before) * self.estimate(found.before, found.reference) * mask
        places = torch.arange(mask.shape[1], device=mask.device)
        last = places == (mask * places).argmax(1, keepdim=True)
        return last * found.rewards[:, None] - price

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The reward of answers, and the divergence from the reference."""
        return kept(self._tried(batch))

    @torch.no_grad()
    def _follow(self) -> None:
        """Bring beta nearer to what keeps the divergence at its target."""
        if self.target_kl is not None and self._far is not None and self.training:
            error = max(-0.2, min(0.2, self._far / self.target_kl - 1))
            self.beta *= 1 + HORIZON * error

    def _values(self, features: Tensor, mask: Tensor) -> Tensor:
        """What is expected where there is a token of an answer; 0 elsewhere."""
        weight = self.critic.weight
        with torch.autocast(weight.device.type, enabled=False):
            values = self.critic(features.to(weight.dtype))[:, 0]
        return values.new_zeros(mask.shape).masked_scatter(mask, values)

    def _tried(self, batch: Batch, learns: bool = False, features: bool = False) -> Tried:
        return tried(
            self.model, self._reference[0], self.reward, batch, learns=learns, features=features,
            generations=self.generations, length=self.length,
        )  # fmt: skip

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "PPO":
        """Move and cast the reference with the model."""
        self._reference[0].move(fn)
        return super()._apply(fn, recurse)
