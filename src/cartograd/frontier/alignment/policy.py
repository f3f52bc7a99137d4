"""What a policy that draws its own answers learns by: how likely each token is, now and before."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.eval_mode import evaluating
from cartograd.core.inference import Packs
from cartograd.core.protocols import Batch
from cartograd.core.signed import Signed
from cartograd.frontier.alignment.drawn import Drawn, drawn, prompts_of
from cartograd.frontier.alignment.rewards import Learned, Reward, checked, scored
from cartograd.training.objectives.bradley_terry import whole
from cartograd.training.objectives.label_tokens import IGNORED
from cartograd.training.packing import one_after_another, packed_answers, packs
from cartograd.training.preferences.likelihood import Reference


@runtime_checkable
class Featured(Protocol):
    """A language model that shows the features which its logits are made of."""

    def hidden(self, tokens: Int[Tensor, "b t"], /) -> Float[Tensor, "b t d"]:
        """The features of each position."""
        ...


@dataclass(frozen=True)
class Tried:
    """Answers that were drawn, and what is known of them before the first step.

    Attributes:
        drawn: the answers.
        rewards: of each.
        now: log-probability of each token when it was drawn; 0 where there is none. Of a policy
            that learns, the first step goes back through it.
        reference: the same of the frozen reference.
        features: what the policy saw at each of the answers' tokens, if that was asked for.
    """

    drawn: Drawn
    rewards: Float[Tensor, " n"]
    now: Float[Tensor, "n t"]
    reference: Float[Tensor, "n t"]
    features: Float[Tensor, "m d"] | None = None

    @property
    def before(self) -> Float[Tensor, "n t"]:
        """What ratios are taken to, which learns nothing."""
        return self.now.detach()

    @property
    def divergence(self) -> Float[Tensor, " n"]:
        """How much likelier each answer is than to the reference: unbiased for the divergence."""
        return (self.before - self.reference).sum(1)


def tokens_of(model: nn.Module, answers: Drawn, /) -> Float[Tensor, "n t"]:
    """The log-probability of each token of the answers; 0 elsewhere.

    In evaluation mode: a token that is dropped in one pass and not in the other would look as if
    the policy had moved. A model that can reads each prompt once, and gives no logits but those of
    answers.
    """
    reads = packs(model)
    with evaluating(model):
        if reads is None:
            logits = model(answers.tokens)[answers.mask]
        else:
            logits = reads.logits(_features(reads, answers))
    return _of_labels(logits, answers)


def thought(
    model: nn.Module, answers: Drawn, /
) -> tuple[Float[Tensor, "n t"], Float[Tensor, "m d"]]:
    """As `tokens_of`, and the features at the `m` tokens of the answers, row by row.

    A model that can gives both in one pass. Nothing is learned through the features.
    """
    reads = packs(model)
    if reads is None:
        inner = model.model if isinstance(model, Signed) else model
        assert isinstance(inner, Featured)
        with torch.no_grad(), evaluating(model):
            seen = inner.hidden(answers.tokens)[answers.mask]
        return tokens_of(model, answers), seen
    with evaluating(model):
        seen = _features(reads, answers)
        logits = reads.logits(seen)
    return _of_labels(logits, answers), seen.detach()


def _features(reads: Packs, answers: Drawn) -> Tensor:
    groups = one_after_another(len(answers.tokens), answers.each)
    return packed_answers(reads, answers.tokens, answers.labels, IGNORED, groups)


def _of_labels(logits: Tensor, answers: Drawn) -> Tensor:
    mask = answers.mask
    wide = torch.promote_types(logits.dtype, torch.float32)
    every = torch.log_softmax(logits, -1, dtype=wide)
    own = every.gather(1, answers.labels[mask][:, None])[:, 0]
    return own.new_zeros(mask.shape).masked_scatter(mask, own)


def tried(
    model: nn.Module,
    reference: Reference,
    reward: Reward,
    batch: Batch,
    /,
    *,
    generations: int,
    length: int,
    learns: bool = False,
    features: bool = False,
) -> Tried:
    """Answers to the prompts of a batch, with their rewards.

    Args:
        model: the policy.
        reference: as it began.
        reward: of texts.
        batch: whose prompts are answered.
        generations: answers to each.
        length: the most tokens of an answer.
        learns: whether the first step goes back through what the policy thinks of its answers,
            which is then computed once.
        features: whether what the policy sees is kept, for a critic.

    Raises:
        UsageError: the batch has no prompts, the model cannot write, or a reward is no number.
    """
    # The engine seeds torch anew at each step, so this is a number of the step; reading it does
    # not advance the generator.
    seed = torch.default_generator.initial_seed()
    answers = drawn(model, prompts_of(batch), generations=generations, length=length, seed=seed)
    with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
        now, seen = thought(model, answers) if features else (tokens_of(model, answers), None)
    with torch.no_grad(), reference.of(model) as frozen:
        known = tokens_of(frozen, answers)
    texts = answers.prompts, answers.answers
    if (
        isinstance(reward, Learned)
        and isinstance(model, Signed)
        and (reward.tokenizer == model.tokenizer)
    ):
        rows = whole(answers.tokens, answers.labels, reward.padding)
        told = reward.of_answers(rows.cpu(), answers.labels.cpu(), answers.each)
        rewards = checked(told, *texts).to(known)
    else:
        rewards = scored(reward, *texts).to(known)
    return Tried(answers, rewards, now, known, seen)


def by_prompt(x: Tensor, prompts: int, /) -> Tensor:
    """A row for each prompt, with a number for each of its answers."""
    return x.view(prompts, -1)


def clipped(
    ratio: Float[Tensor, "..."], gain: Float[Tensor, "..."], low: float, high: float, /
) -> Float[Tensor, "..."]:
    """The loss of a ratio of probabilities that counts no more once it has moved far enough.

    `-min(ratio A, clip(ratio, 1 - low, 1 + high) A)`
    """
    return -torch.minimum(ratio * gain, ratio.clamp(1 - low, 1 + high) * gain)


def share_clipped(
    ratio: Float[Tensor, "..."], gain: Float[Tensor, "..."], low: float, high: float, /
) -> Float[Tensor, "..."]:
    """Where the loss no longer counts, as 0 and 1."""
    over = ((ratio > 1 + high) & (gain > 0)) | ((ratio < 1 - low) & (gain < 0))
    return over.to(ratio.dtype)


def kept(found: Tried, /) -> dict[str, Tensor]:
    """The figures of a validation: the reward, and the divergence that it cost."""
    return {"loss": -found.rewards, "reward": found.rewards, "kl": found.divergence}
