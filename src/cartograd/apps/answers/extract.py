"""The part of a text that answers a question: its likeliest beginning and end.

    p(i, j) = p_begin(i) p_end(j),   i <= j < i + 15 tokens

Probabilities are over the tokens of the text and the first one of all, `[CLS]`, by which a model
says that there is no answer. Of a long text each piece is searched, and the likeliest part of all
pieces counts. This is how transformers' pipeline for extractive answers was documented.

References:
    Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova. BERT: pre-training of deep
    bidirectional transformers for language understanding. 2018, section 4.2.
    https://arxiv.org/abs/1810.04805
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked
from cartograd.apps.answers.writer import context_of
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.data.text.tokens import alike, padded
from cartograd.data.text.windows import Window, windows

LONGEST_ANSWER = 15
"""Tokens of an answer, at most."""

LONGEST = 384
"""Tokens that are looked at at once, unless the model or its tokenizer takes fewer."""

OVERLAP = 128
"""Tokens that pieces of a long text share, at most half a piece."""

TOKENS = 4096
"""How many tokens go through the model at once."""


@dataclass(frozen=True)
class Passage:
    """A part of a text; empty where the text has no answer.

    Attributes:
        text: as it stands there.
        probability: that it is the answer.
        start, end: its first character, and the one beyond its last.
    """

    text: str
    probability: float
    start: int
    end: int


@dataclass(frozen=True)
class Passages:
    """The likeliest parts of a text, the first of them the answer.

    >>> Passages((Passage("in Paris", 0.75, 10, 18),)).rows()
    [[('answer', 'in Paris'), ('probability', '75.0 %'), ('characters', '10-18')]]
    """

    found: tuple[Passage, ...]

    def to_json(self) -> dict[str, Any]:
        """The answer with its place, and all that are named."""
        best = asdict(self.found[0])
        return {"answer": best.pop("text")} | best | {"answers": [asdict(p) for p in self.found]}

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each."""
        return [
            [
                ("answer", one.text or "(none)"),
                ("probability", units.percent(one.probability)),
                ("characters", f"{one.start}-{one.end}"),
            ]
            for one in self.found
        ]

    def flat(self) -> dict[str, Any]:
        """The answer with its place."""
        best = asdict(self.found[0])
        return {"answer": best.pop("text")} | best

    def draw(self, axes: Any, /) -> None:
        """A bar for each, the likeliest on top."""
        shown = self.found[::-1]
        axes.barh([one.text or "(none)" for one in shown], [one.probability for one in shown])
        axes.set_xlim(0, 1)
        axes.set_xlabel("probability")


def answers(asked: Asked, /) -> list[Passages]:
    """The likeliest parts of each text.

    Raises:
        UsageError: there is no tokenizer, or the examples are numbers instead of texts.
    """
    if asked.tokenizer is None or not asked.texts:
        lacking = "a tokenizer" if asked.tokenizer is None else "texts instead of numbers"
        raise UsageError(f"{asked.name} finds answers in texts; it needs {lacking}")
    return [_of_text(asked, text) for text in asked.texts]


def _of_text(asked: Asked, text: str) -> Passages:
    model = asked.model if isinstance(asked.model, Signed) else None
    context = None if model is None else context_of(model)
    longest = min(size for size in (LONGEST, context, asked.tokenizer.longest) if size is not None)
    overlap = min(OVERLAP, longest // 2)
    question = asked.question or ""
    pieces = windows(asked.tokenizer, question, text, longest=longest, overlap=overlap)
    best: dict[tuple[int, int], float] = {}
    none = 1.0
    for piece, logits in _scored(asked, pieces):
        for place, probability in spans(piece, logits, asked.top or 1):
            best[place] = max(probability, best.get(place, 0.0))
        none = min(none, nothing(piece, logits))
    found = [Passage(text[start:end], p, start, end) for (start, end), p in best.items()]
    found += [Passage("", none, 0, 0)] if asked.impossible else []
    found.sort(key=lambda one: -one.probability)
    return Passages(tuple(found[: asked.top or 1]))


def _scored(asked: Asked, pieces: list[Window]) -> Iterator[tuple[Window, Float[Tensor, "t 2"]]]:
    """Each piece with its scores."""
    padding = asked.signature.input.padding_id
    lengths = [len(piece.tokens) for piece in pieces]
    for group in alike(lengths, tokens=TOKENS, padded=padding is not None):
        tokens = padded([pieces[i].tokens for i in group], padding)
        segments = padded([pieces[i].segments for i in group], 0)
        inputs = (tokens, segments)[: len(asked.signature.inputs)]  # not all tell sides apart
        logits = asked.model(*(one.to(asked.device) for one in inputs)).cpu()
        for i, row in zip(group, logits, strict=True):
            yield pieces[i], row[: lengths[i]]


def probabilities(window: Window, logits: Float[Tensor, "t 2"], /) -> Float[Tensor, "t 2"]:
    """Of each token to be the beginning, and the end; of the question's they are 0."""
    outside = torch.tensor([place is None for place in window.places])
    outside[0] = False
    return logits.double().masked_fill(outside[:, None], -torch.inf).softmax(0)


def nothing(window: Window, logits: Float[Tensor, "t 2"], /) -> float:
    """The probability that the piece has no answer."""
    return float(probabilities(window, logits)[0].prod())


def spans(
    window: Window, logits: Float[Tensor, "t 2"], top: int, /
) -> list[tuple[tuple[int, int], float]]:
    """The likeliest parts of a piece, as characters of the text, with their probabilities.

    >>> piece = Window([2, 7, 3, 8, 9], [0, 0, 0, 1, 1], [None, None, None, (0, 3), (4, 9)])
    >>> scores = torch.tensor([[0.0, 0.0], [9.0, 9.0], [0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    >>> [(place, round(chance, 3)) for place, chance in spans(piece, scores, 1)]
    [((0, 9), 0.974)]
    """
    first = next(i for i, place in enumerate(window.places) if place is not None)
    inside = [place for place in window.places if place is not None]
    begin, end = probabilities(window, logits)[first : first + len(inside)].unbind(1)
    both = (begin[:, None] * end).triu().tril(LONGEST_ANSWER - 1)
    values, order = both.flatten().topk(min(top, both.numel()))
    found: dict[tuple[int, int], float] = {}
    for value, index in zip(values.tolist(), order.tolist(), strict=True):
        start, stop = divmod(index, len(inside))
        if start <= stop < start + LONGEST_ANSWER:
            found.setdefault((inside[start][0], inside[stop][1]), value)
    return [*found.items()]
