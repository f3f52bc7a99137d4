"""Best of n: draw several answers and keep the one that a reward likes best.

The simplest alignment there is: nothing is learned, and the divergence from the model is at most
log n - (n - 1) / n. What was kept can be learned afterwards (rejection sampling): as chats, the
best answer of each prompt, or as preferences, the best against the worst.

References:
    Reiichiro Nakano et al. WebGPT. 2021. https://arxiv.org/abs/2112.09332
    Hugo Touvron et al. Llama 2. 2023 (rejection sampling). https://arxiv.org/abs/2307.09288
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.signed import Signed
from cartograd.frontier.alignment.drawn import drawn
from cartograd.frontier.alignment.rewards import Reward, reward_of, scored


@dataclass(frozen=True)
class Best:
    """The best and the worst of several answers to a prompt, with their rewards."""

    prompt: str
    answer: str
    reward: float
    worst: str
    least: float


def best_of(
    model: nn.Module,
    prompts: Sequence[str] | Sequence[Sequence[int]],
    /,
    *,
    reward: str | Reward,
    generations: int = 8,
    length: int = 64,
    seed: int = 0,
) -> list[Best]:
    """The best answer to each prompt.

    Args:
        model: a language model that can write; texts are put to it by its template, if it has one.
        prompts: texts, or tokens.
        reward: a function from texts to numbers, or its name (see `rewards`).
        generations: answers that are drawn to each.
        length: the most tokens of an answer.
        seed: of the answers.

    Raises:
        UsageError: there is no prompt, the model cannot write, or a reward is no number.
    """
    if not prompts:
        raise UsageError("there is no prompt; expected at least one")
    rows = [_tokens(model, one) if isinstance(one, str) else list(one) for one in prompts]
    found = drawn(model, rows, generations=generations, length=length, seed=seed)
    rewards = scored(reward_of(reward), found.prompts, found.answers).tolist()
    best = []
    for place, prompt in enumerate(prompts):
        own = range(place * generations, (place + 1) * generations)
        high, low = max(own, key=rewards.__getitem__), min(own, key=rewards.__getitem__)
        asked = prompt if isinstance(prompt, str) else found.prompts[own[0]]
        answers = found.answers
        best.append(Best(asked, answers[high], rewards[high], answers[low], rewards[low]))
    return best


def write_chats(best: Sequence[Best], path: str | Path, /) -> Path:
    """Prompts with their best answers, for `chats:FILE`."""
    return _written([{"prompt": one.prompt, "completion": one.answer} for one in best], path)


def write_preferences(best: Sequence[Best], path: str | Path, /) -> Path:
    """Best answers against worst ones, for `preferences:FILE`; what is equally good is left out."""
    rows = [
        {"prompt": one.prompt, "chosen": one.answer, "rejected": one.worst}
        for one in best if one.reward > one.least
    ]  # fmt: skip
    return _written(rows, path)


def _written(rows: list[dict[str, str]], path: str | Path) -> Path:
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    return write_file(path, text)


def _tokens(model: nn.Module, prompt: str) -> list[int]:
    """A prompt as the model reads it.

    Raises:
        UsageError: the model has no tokenizer.
    """
    tokenizer = model.tokenizer if isinstance(model, Signed) else None
    if tokenizer is None:
        raise UsageError("a model without a tokenizer cannot read a text; give tokens")
    return tokenizer.chat_numbers(prompt) if tokenizer.template else tokenizer.encode(prompt)
