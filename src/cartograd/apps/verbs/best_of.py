"""The best of several answers that a model draws, as a reward judges them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from cartograd.apps.load.writing import Writing
from cartograd.apps.results.written import Written
from cartograd.core.errors import UsageError
from cartograd.data.text.chat import Messages
from cartograd.frontier.alignment.rewards import (
    RULES,
    Learned,
    Reward,
    checked,
    reward_of,
    scored,
)


def judge_of(best_of: int | None, reward: str | Reward | None, count: int, /) -> Reward:
    """The reward by which one of several answers is kept.

    Args:
        best_of: how many answers are drawn to each prompt.
        reward: what judges them.
        count: how many answers are asked for.

    Raises:
        UsageError: the number or the reward is missing or is none, or several answers are to be
            kept.
    """
    if best_of is None:
        raise UsageError("reward= judges several answers; say how many: best_of=8")
    if reward is None:
        raise UsageError(
            f"best_of={best_of} keeps the answer that a reward likes best; name one, such as "
            f"reward={next(iter(RULES))}, module:function, or the folder of a reward model"
        )
    if best_of < 1:
        raise UsageError(f"best_of={best_of} is out of range; expected at least 1")
    if count > 1:
        raise UsageError(
            f"best_of={best_of} keeps one answer, and count={count} asks for several; leave one of "
            "the two out"
        )
    return reward_of(reward)


def drawn_by(options: Mapping[str, Any], /) -> dict[str, Any]:
    """The options by which the answers are drawn that are to be judged."""
    seed = options.get("seed") or 0  # the likeliest would all be the same
    return {**options, "best_of": None, "reward": None, "count": options["best_of"], "seed": seed}


def bests(
    judge: Reward,
    writing: Writing,
    texts: Sequence[Messages],
    writes: Callable[[Sequence[Messages]], list[Written]],
    /,
) -> list[Written]:
    """The best answer to each prompt with its reward; of equally good ones the first.

    Args:
        judge: the reward.
        writing: what writes.
        texts: the prompts.
        writes: gives answers to prompts, as many to each, those to one prompt one after another.

    Raises:
        UsageError: a reward is no finite number; the prompt is named.
    """
    written = writes(texts)
    prompts, answers = [one.prompt for one in written], [one.text for one in written]
    if isinstance(judge, Learned) and judge.tokenizer == writing.tokenizer:
        # As it learned: in tokens, with those of the chat's template and what ended the answer.
        each = len(written) // max(1, len(texts))
        asked = [row for row in map(writing.encoded, texts) for _ in range(each)]
        rows = [torch.tensor([*row, *one.tokens]) for row, one in zip(asked, written, strict=True)]
        pad = torch.nn.utils.rnn.pad_sequence
        whole = pad(rows, batch_first=True, padding_value=judge.padding)
        rewards = checked(judge.of_tokens(whole), prompts, answers).tolist()
    else:
        rewards = scored(judge, prompts, answers).tolist()
    found, each = list[Written](), len(written) // max(1, len(texts))
    for first in range(0, len(written), each or 1):
        place = max(range(first, first + each), key=rewards.__getitem__)
        found.append(replace(written[place], reward=rewards[place]))
    return found
