"""The classifier of a gate: any model of texts and classes, of which one is refused.

A long text is read in pieces, each about as long as the requests that such a model learns from, and
as a whole; the worst piece counts, so that nothing is hidden by what stands around it, or beyond
where the model's context ends.

>>> [len(one) for one in pieces("One. " * 200)][:3]
[999, 399, 399]
>>> pieces("Short.")
['Short.']
"""

import re
from collections.abc import Sequence

import torch

from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.gate.rules import plain
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.core.decided import likely, positive_of
from cartograd.core.errors import UsageError, unknown
from cartograd.core.eval_mode import evaluating
from cartograd.core.ports import Port
from cartograd.data.decode.read import read

LONGEST = 400
"""Most characters of a piece; each begins in the middle of the one before."""

AT_ONCE = 32
"""Pieces in a batch."""

HALF = 0.5
"""From which probability on a text is refused, where the model's training chose no threshold."""

MEANT = ("harmful", "unsafe", "toxic", "refused")
"""Classes that are refused where neither the model nor the user says which."""


class Classifier:
    """A model that tells what is to be refused.

    Args:
        target: a run, a bundle, or a model with a signature that gives a text one of some classes.
        refuse: the class that is refused; the model's positive one, or one of `MEANT`, if empty.

    Attributes:
        threshold: from which probability on a text is refused: what was chosen in its training.

    Raises:
        UsageError: it is no such model, or nothing says which class is refused.
    """

    def __init__(self, target: Target, /, *, refuse: str = "") -> None:
        self.signed = as_signed(target)
        signature, self.name = self.signed.signature, name_of(self.signed)
        task, port = signature.task.name, signature.output
        if task not in ("classify", "score") or signature.input.kind != "text":
            raise UsageError(
                f"{self.name} does {task!r} on {signature.input.kind}; a gate needs a model that "
                "classifies texts, such as cartograd train minilm --data safety-prompts"
            )
        if signature.input.pair or len(port.dims) != 1:
            raise UsageError(f"{self.name} takes pairs or gives several classes; a gate needs one")
        self.at = refused_class(port, refuse, self.name)
        chosen = port.thresholds[0] if port.thresholds else HALF
        self.threshold = chosen if self.at == positive_of(port) else 1 - chosen

    def score(self, text: str, /) -> float:
        """The probability that a text is to be refused: that of its worst piece."""
        whole, *parts = pieces(plain(text)) or [""]
        own = [one for one in dict.fromkeys([whole, *self._fitting(parts or [whole])]) if one]
        return max(
            (
                share
                for at in range(0, len(own), AT_ONCE)
                for share in self._of(own[at : at + AT_ONCE])
            ),
            default=0.0,
        )

    def _fitting(self, parts: Sequence[str]) -> list[str]:
        """Parts of which the model reads all; what its context would cut is halved."""
        longest = self.signed.tokenizer.longest
        found, ahead = list[str](), list(reversed(parts))
        while ahead:
            part = ahead.pop()
            if longest and len(part) > 1 and len(self.signed.tokenizer.encode(part)) >= longest:
                half = len(part) // 2
                ahead += [part[half:], part[:half]]
            else:
                found.append(part.strip())
        return found

    def _of(self, texts: Sequence[str]) -> list[float]:
        signature = self.signed.signature
        x = read(
            signature.input,
            [one.encode(errors="replace") for one in texts],
            tokenizer=self.signed.tokenizer,
        )
        device = next(iter(self.signed.parameters())).device
        with evaluating(self.signed), torch.no_grad():
            outputs = self.signed(x.to(device)).cpu()
        return class_probabilities(likely(outputs, signature.output))[:, self.at].tolist()


def refused_class(port: Port, refuse: str, name: str, /) -> int:
    """The number of the class that is refused.

    Raises:
        UsageError: there is no such class, or nothing says which.
    """
    if refuse:
        if refuse not in port.labels:
            raise unknown(f"class of {name}:", refuse, port.labels)
        return port.labels.index(refuse)
    if port.positive:
        return port.labels.index(port.positive)
    known = [label for label in port.labels if label.lower() in MEANT]
    if len(known) != 1:
        raise UsageError(
            f"nothing says which class of {name} is refused (there are "
            f"{', '.join(port.labels[:6])}); write RUN,refuse=CLASS"
        )
    return port.labels.index(known[0])


def pieces(text: str, /) -> list[str]:
    """A text as a whole, and where it is long each part of it, half over the one before."""
    text = text.strip()
    if len(text) <= LONGEST:
        return [text] if text else []
    halves, rest = list[str](), text
    while rest:
        cut = _cut(rest)
        halves.append(rest[:cut])
        rest = rest[cut:]
    return [text, *("".join(halves[at : at + 2]).strip() for at in range(max(len(halves) - 1, 1)))]


def _cut(text: str) -> int:
    """Where a half of a piece ends: after a sentence or a word, or wherever there is neither."""
    room = LONGEST // 2
    if len(text) <= room:
        return len(text)
    for pattern in (r"[.!?。！？\n]\s*", r"\s+"):
        ends = [one.end() for one in re.finditer(pattern, text[:room])]
        if ends and ends[-1] > room // 2:
            return ends[-1]
    return room
