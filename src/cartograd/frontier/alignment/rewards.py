"""Rewards: any function from texts to numbers, a rule by name, or a model that learned one.

A name is a rule (`length`, `brevity`, `words`, `letter-e`), the folder of a bundle whose model
gives a number for each text, or `module:function` of a package that the command line named by
`--import`; in Python also the function itself. It is given the answers, and where it has a second
argument their prompts.
"""

import math
import re
from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core import user_code
from cartograd.core.errors import UsageError, unknown
from cartograd.core.eval_mode import inferring
from cartograd.core.inference import PacksTexts
from cartograd.engine.files import bundle
from cartograd.training.objectives.label_tokens import IGNORED
from cartograd.training.packing import one_after_another, packed_texts

Reward = Callable[..., Any]
"""From a list of texts (and one of prompts) to as many numbers."""

RULES: dict[str, Reward] = {
    "length": lambda texts: [len(text) for text in texts],
    "brevity": lambda texts: [-len(text) for text in texts],
    "words": lambda texts: [len(text.split()) for text in texts],
}
"""Rewards that can be counted; `letter-x` counts a letter."""

SHOWN = 60
"""Letters of a prompt that an error shows."""


def reward_of(what: str | Reward, /) -> Reward:
    """A reward by name, or as it is.

    Raises:
        UsageError: there is no such rule, bundle or function, or its code was not allowed.
    """
    if not isinstance(what, str):
        return what
    if what in RULES:
        return RULES[what]
    if re.fullmatch(r"letter-\w", what):
        return lambda texts: [text.count(what[-1]) for text in texts]
    if (Path(what) / "manifest.json").is_file() or (Path(what) / "bundle").is_dir():
        return Learned(what)
    if user_code.NAME.fullmatch(what):
        return user_code.function(what, f"reward={what}")
    raise unknown("reward", what, [*RULES, "letter-e"])


class Learned:
    """What a reward model says of prompts with their answers.

    Args:
        folder: of its bundle.

    Raises:
        UsageError: the bundle cannot be read, has no tokenizer, or gives no single number.
    """

    def __init__(self, folder: str | Path, /):
        self.model = bundle.load(folder).model.eval().requires_grad_(False)
        self.tokenizer, dims = self.model.tokenizer, self.model.signature.output.dims
        if self.tokenizer is None or dims != (1,):
            raise UsageError(
                f"reward={folder} gives {dims} for each text; expected the bundle of a reward "
                "model, which reads texts and gives one number"
            )
        self.padding = self.model.signature.input.padding_id or 0

    def __call__(self, texts: list[str], prompts: list[str], /) -> Float[Tensor, " b"]:
        """Of texts, as its tokenizer cuts them."""
        rows = [
            torch.tensor(self.tokenizer.encode(prompt + text) or [self.padding])
            for prompt, text in zip(prompts, texts, strict=True)
        ]
        pad = torch.nn.utils.rnn.pad_sequence
        return self.of_tokens(pad(rows, batch_first=True, padding_value=self.padding))

    def of_tokens(self, rows: Int[Tensor, "b t"], /) -> Float[Tensor, " b"]:
        """Of rows in its own tokens, control tokens of the chat included."""
        with inferring(self.model):
            return self.model(rows)[:, 0].clone()

    def of_answers(
        self, rows: Int[Tensor, "n t"], labels: Int[Tensor, "n t2"], each: int, /
    ) -> Float[Tensor, " n"]:
        """The same of answers of which so many have one prompt, which is read once for all.

        Args:
            rows: prompts and answers.
            labels: the answers alone, where the token before each of them is; -100 elsewhere.
            each: answers to a prompt.
        """
        inner = self.model.model
        if not isinstance(inner, PacksTexts):
            return self.of_tokens(rows)
        groups = one_after_another(len(rows), each)
        with inferring(self.model):
            return packed_texts(inner, rows, labels, IGNORED, groups, self.padding)[:, 0].clone()


def scored(
    reward: Reward, prompts: Sequence[str], answers: Sequence[str], /
) -> Float[Tensor, " b"]:
    """The reward of each answer, in float64.

    Raises:
        UsageError: it gives something else than a finite number for each; the prompt is named.
    """
    asks = len(_taken(reward)) > 1
    found = reward(list(answers), list(prompts)) if asks else reward(list(answers))
    return checked(found, prompts, answers)


def checked(found: Any, prompts: Sequence[str], answers: Sequence[str], /) -> Float[Tensor, " b"]:
    """What a reward gave, in float64.

    Raises:
        UsageError: as `scored`.
    """
    numbers = found.tolist() if isinstance(found, Tensor) else list(found)
    if len(numbers) != len(answers):
        raise UsageError(
            f"the reward gave {len(numbers)} numbers for {len(answers)} answers; expected one each"
        )
    for number, prompt, answer in zip(numbers, prompts, answers, strict=True):
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise UsageError(
                f"the reward of the answer {answer[:SHOWN]!r} to the prompt {prompt[:SHOWN]!r} is "
                f"{number!r}; expected a finite number"
            )
    return torch.tensor(numbers, dtype=torch.float64)


def _taken(reward: Reward) -> list[str]:
    """The names of what a reward has to be given."""
    try:
        found = signature(reward).parameters.values()
    except (TypeError, ValueError):  # compiled code has none
        return ["texts"]
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in found if one.kind in kinds and one.default is one.empty]
