"""Who sits an exam: a protocol, and what is told of a likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cartograd.apps.exams.exam import Writes


@dataclass(frozen=True)
class Likelihood:
    """How likely a text is after another.

    Attributes:
        log: natural logarithm of its probability.
        greedy: whether each of its tokens is the likeliest.
    """

    log: float
    greedy: bool


@dataclass(frozen=True)
class Asked:
    """A prompt to write on from.

    Attributes:
        prompt: the text.
        seed: of sampling, where the answer is sampled.
    """

    prompt: str
    seed: int = 0


@runtime_checkable
class Examinee(Protocol):
    """A language model, wherever it runs."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    @property
    def notes(self) -> list[str]:
        """What has to be told of its answers, such as prompts that were cut."""
        ...

    def likelihoods(self, pairs: Sequence[tuple[str, Sequence[str]]], /) -> list[list[Likelihood]]:
        """Of each text how likely each of its continuations is."""
        ...

    def whole(self, texts: Sequence[str], /) -> list[float]:
        """The natural logarithm of the probability of whole texts."""
        ...

    def written(self, asked: Sequence[Asked], how: Writes, /) -> list[str]:
        """What it writes after each prompt, up to what ends it."""
        ...


def cut(text: str, until: Sequence[str], /) -> str:
    r"""A text before the first of what ends it.

    >>> cut("4\nQ: next", ["\n"])
    '4'
    """
    for end in until:
        text = text.split(end)[0]
    return text
