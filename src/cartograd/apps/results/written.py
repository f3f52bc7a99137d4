"""What a model wrote after a prompt."""

from dataclasses import dataclass

from cartograd.apps.gate.verdict import Verdict


@dataclass(frozen=True)
class Written:
    """What a model wrote.

    Attributes:
        prompt: what it was given.
        text: the answer alone.
        tokens: of the answer.
        prompt_tokens: how many tokens the prompt is, a chat's template included.
        ended: whether the model came to an end by itself.
        seconds: how long it took.
        refused: what a gate says that refused the prompt or the answer, whose text is then empty.
        reward: of the best of several answers, how good it is; None where nothing was judged.
    """

    prompt: str
    text: str
    tokens: tuple[int, ...]
    prompt_tokens: int
    ended: bool
    seconds: float
    refused: Verdict | None = None
    reward: float | None = None
