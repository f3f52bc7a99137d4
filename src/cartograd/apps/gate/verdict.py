"""What a gate says of a text."""

from dataclasses import dataclass
from typing import Any

SIDES = ("prompt", "answer")
"""Before a model and behind it."""


@dataclass(frozen=True)
class Verdict:
    """Whether a text may pass, and why not.

    Attributes:
        refused: whether it may not.
        side: of `SIDES`.
        why: what is said about it, in a line.
        rule: the name of the rule that it breaks, if it is one.
        score: the classifier's probability of harm; None without one, or where a rule said enough.
        threshold: from which probability on a text is refused.
    """

    refused: bool
    side: str
    why: str = ""
    rule: str | None = None
    score: float | None = None
    threshold: float | None = None

    def line(self) -> str:
        """What is said to whoever asked.

        >>> Verdict(True, "prompt", "it spells a control token of a chat", "control tokens").line()
        'refused: the prompt: it spells a control token of a chat (rule: control tokens)'
        """
        if not self.refused:
            return f"passed: the {self.side}"
        rule = f" (rule: {self.rule})" if self.rule else ""
        return f"refused: the {self.side}: {self.why}{rule}"

    def to_json(self) -> dict[str, Any]:
        """As JSON types, without what does not apply."""
        told = {
            "refused": self.refused, "side": self.side, "why": self.why or None,
            "rule": self.rule, "score": self.score, "threshold": self.threshold,
        }  # fmt: skip
        return {key: value for key, value in told.items() if value is not None}


class RefusedError(Exception):
    """A text that was being sent goes no further.

    Args:
        verdict: why.
    """

    def __init__(self, verdict: Verdict, /) -> None:
        super().__init__(verdict.line())
        self.verdict = verdict
