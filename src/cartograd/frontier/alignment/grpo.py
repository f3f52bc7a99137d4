"""GRPO: several answers to each prompt, each praised for how much better it is than the others.

A policy that draws its own answers needs to know whether a reward is good or bad for the prompt.
Instead of learning that, the mean reward of the other answers to it says so.

    A_i = (r_i - mean r) / (std r + 1e-4),    s = p(token) / p_before(token)
    L = mean over answers of mean over tokens of -min(s A, clip(s, 1 - e, 1 + e2) A) + beta k3

k3 = q / p - 1 - log(q / p) of the reference q holds the policy near it. `form` says what else is
published: `dr-grpo` neither divides by the standard deviation nor by the answer's own length (but
by the greatest), so that hard prompts and long wrong answers do not count more; `dapo` counts every
token alike, and takes prompts out whose answers are all equally good; `gspo` has one ratio for the
whole answer, the geometric mean of its tokens'.

Shapes: a batch is (tokens, ..., labels): prompts end where the labels begin; whatever answers the
data have are not used. There are `b generations` answers of at most `length` tokens.

Departures: DAPO draws anew until each prompt has good and bad answers, here others count nothing;
its penalty on long answers is left to the reward.

References:
    Zhihong Shao et al. DeepSeekMath. 2024 (GRPO). https://arxiv.org/abs/2402.03300
    Zichen Liu et al. Understanding R1-Zero-like training. 2025 (Dr. GRPO).
    https://arxiv.org/abs/2503.20783
    Qiying Yu et al. DAPO. 2025. https://arxiv.org/abs/2503.14476
    Chujie Zheng et al. Group sequence policy optimization. 2025. https://arxiv.org/abs/2507.18071

>>> from cartograd.core.build import build
>>> model = build("gpt:vocabulary=9,context=8,dim=8,heads=2,depth=1")
>>> objective = GRPO(model=model, reward="letter-4", generations=4, length=3)
>>> batch = torch.tensor([[1, 2]]), torch.tensor([[-100, 3]])
>>> next(objective.losses(batch)).value.shape
torch.Size([1, 4])
"""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.frontier.alignment.estimates import k3
from cartograd.frontier.alignment.policy import (
    Tried,
    by_prompt,
    clipped,
    kept,
    share_clipped,
    tokens_of,
    tried,
)  # fmt: skip
from cartograd.frontier.alignment.rewards import Reward, reward_of
from cartograd.training.preferences.likelihood import Reference

CARD = Card(
    name="grpo",
    kind="objective",
    entry="GRPO",
    nodes=("llm/rlhf",),
    title="Group relative policy optimisation",
    zh="组相对策略优化（GRPO）",
    paper="DeepSeekMath: pushing the limits of mathematical reasoning in open language models",
    year=2024,
    url="https://arxiv.org/abs/2402.03300",
    proofs=(
        "law: at the first step every ratio is 1 to the bit and nothing is clipped, with padding "
        "and dropout",
        "law: answers are drawn as often as the policy says, whatever else is in the batch",
        "law: a small language model writes a letter three times as often, at a divergence below "
        "a bound",
        "oracle: the published loss of each form, in loops over answers and tokens, to 1e-10",
    ),
    evidence={
        "llm/rlhf": (
            "test_the_count_of_a_letter_rises_threefold_at_bounded_divergence",
            "test_the_best_of_n_is_as_good_as_order_statistics_say",
            "test_the_best_of_several_is_one_of_them_and_none_is_better",
            "acceptance:reward-hacking",
            "acceptance:reward-smollm2",
        ),
    },
    tiny={"reward": "letter-4", "generations": 4, "length": 4},
    settings={"optimizer": "adamw:lr=1e-4", "epochs": 3},
    logs={"reward": "higher", "kl": "lower"},
)

FORMS = {
    "grpo": (0.2, 0.2, 0.04),
    "dr-grpo": (0.2, 0.2, 0.0),
    "dapo": (0.2, 0.28, 0.0),
    "gspo": (3e-4, 4e-4, 0.0),
}
"""How far ratios may fall and rise, and beta, as published."""


class GRPO(nn.Module):
    """Rewards of answers, against those of other answers to the same prompt.

    Args:
        model: a language model that can write.
        reward: a function from texts to numbers, or its name (see `rewards`).
        form: grpo, dr-grpo, dapo or gspo.
        generations: answers to each prompt.
        length: the most tokens of an answer.
        beta: how much the reference holds; as published if not given.
        clip_range: how far a ratio may fall and rise before it counts no more; as published if not
            given.
        updates: steps on the same answers.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        reward: str | Reward,
        form: Literal["grpo", "dr-grpo", "dapo", "gspo"] = "grpo",
        generations: int = 8,
        length: int = 64,
        beta: float | None = None,
        clip_range: float | None = None,
        updates: int = 1,
    ):
        super().__init__()
        if generations < 2:
            raise UsageError(
                f"grpo: generations={generations} leaves no other answer to compare with; expected "
                "at least 2"
            )
        self.model, self.form, self.length = model, form, length
        self.players = {"model": model}
        self.generations, self.updates = generations, updates
        low, high, usual = FORMS[form]
        self.low, self.high = (low, high) if clip_range is None else (clip_range, clip_range)
        self.beta = usual if beta is None else beta
        self.reward = reward_of(reward)
        # No part of this module: it is not trained, switched to training mode, or saved.
        self._reference: tuple[Reference] = (Reference(model),)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """So many losses of the same answers as there are updates, each of every answer.

        Raises:
            UsageError: as `tried`.
        """
        found, prompts = self._tried(batch, learns=True), len(batch[0])
        gain = self.gains(by_prompt(found.rewards, prompts))
        for update in range(self.updates):
            now = tokens_of(self.model, found.drawn) if update else found.now
            value, weight, over = self._loss(now, found, gain)
            metrics = {"clipped": over.detach()}
            if update == 0:
                shown = {"reward": found.rewards, "kl": found.divergence}
                metrics |= {name: by_prompt(one, prompts).mean(1) for name, one in shown.items()}
            yield Loss(value, weight=weight, metrics=metrics)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The reward of answers, and the divergence from the reference."""
        return kept(self._tried(batch))

    def gains(self, rewards: Float[Tensor, "b n"], /) -> Float[Tensor, "b n"]:
        """How much better each answer is than the others to its prompt."""
        apart = rewards - rewards.mean(1, keepdim=True)
        return apart if self.form == "dr-grpo" else apart / (rewards.std(1, keepdim=True) + 1e-4)

    def _loss(
        self, now: Tensor, found: Tried, gain: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """The loss of each answer, how much it counts, and the share of it that is clipped."""
        mask, each = found.drawn.mask, gain.flatten()[:, None]
        length = mask.sum(1)
        if self.form == "gspo":
            moved = ((now - found.before).sum(1) / length)[:, None]
            ratio = torch.exp(moved).expand(mask.shape)
        else:
            ratio = torch.exp(now - found.before)
        bounds = self.low, self.high
        tokens = clipped(ratio, each, *bounds)
        if self.beta:
            tokens = tokens + self.beta * k3(now, found.reference)
        summed = (tokens * mask).sum(1)
        over = (share_clipped(ratio, each, *bounds) * mask).sum(1) / length
        value = summed / (self.length if self.form == "dr-grpo" else length)
        weight = None
        if self.form == "dapo":
            tells = (gain.abs() > 0).any(1, keepdim=True).expand(gain.shape)
            weight = (length * tells.flatten()).to(value.dtype)
        shape = gain.shape
        return (
            value.view(shape), None if weight is None else weight.view(shape), over.view(shape)
        )  # fmt: skip

    def _tried(self, batch: Batch, learns: bool = False) -> Tried:
        return tried(
            self.model, self._reference[0], self.reward, batch,
            generations=self.generations, length=self.length, learns=learns,
        )  # fmt: skip

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "GRPO":
        """Move and cast the reference with the model."""
        self._reference[0].move(fn)
        return super()._apply(fn, recurse)
