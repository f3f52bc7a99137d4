"""Texts under way: each begins and ends when it likes, and is the one that it would be alone.

    read: t_1 = draw(samplers(z)) after the prompt;   step: t_i = draw(samplers(z_i)) of each text

A long prompt is read in pieces, between which the others go on. Of several that wait, the one that
began first and the one that is soonest read have a piece in turns: a short prompt does not wait for
a long one, and a long one comes to its end whatever else is asked.

Shapes: prompts and texts are lists of token ids; logits `b v`.

References:
    Gyeong-In Yu et al. Orca: a distributed serving system for Transformer-based generative models.
    OSDI 2022. https://www.usenix.org/conference/osdi22/presentation/yu

>>> from cartograd.architectures.decoding.joined import InPages
>>> from cartograd.architectures.transformer.llama import LLaMA
>>> model = LLaMA(vocabulary=11, dim=8, depth=1, heads=2, ffn_dim=12, context=64).eval()
>>> texts = Underway(InPages(model.decoder(0, 16)))
>>> texts.join(Request([1, 2, 3], 3)).number, texts.join(Request([5], 2)).number
(0, 1)
>>> [[(new.number, new.last) for new in texts.step()] for _ in range(3)]
[[(0, False), (1, True)], [(0, True)], []]
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.decoding.draw import draw, processed
from cartograd.architectures.decoding.joined import joined
from cartograd.core.inference import Beginning, Joinable
from cartograd.core.protocols import Decoder, TokenSampler


@dataclass(frozen=True)
class Request:
    """A prompt, and how it is answered.

    Attributes:
        prompt: tokens to go on from.
        length: greatest number of new tokens.
        generator: of the draws of this text alone; greedy if None.
        samplers: applied to the logits of this text alone, after those of all.
        own: the number of the adapter that writes it, where the decoder has some; -1 is none.
    """

    prompt: Sequence[int]
    length: int
    generator: torch.Generator | None = None
    samplers: Sequence[TokenSampler] = ()
    own: int = -1


@dataclass(frozen=True)
class New:
    """A new token.

    Attributes:
        number: of the request, from 0 in their order.
        token: what was written.
        last: whether the text has ended by it.
    """

    number: int
    token: int
    last: bool


@dataclass(eq=False)
class _Row:
    """A text under way."""

    number: int
    request: Request
    tokens: list[int] = field(default_factory=list)


@dataclass(eq=False)
class _Begun:
    """Texts whose prompt is being read."""

    reading: Beginning
    rows: list[_Row]


class Underway:
    """Texts that are written side by side.

    Args:
        decoder: of no rows, with room for the longest prompt and its text.
        samplers: applied to the logits of all.
        stop: tokens after which a text has ended.

    Raises:
        UsageError: no text can join others there, or it holds some already.
    """

    def __init__(
        self, decoder: Decoder, /, *, samplers: Sequence[TokenSampler] = (),
        stop: Collection[int] = (),
    ):  # fmt: skip
        self.decoder, self.samplers, self.stop = joined(decoder), samplers, frozenset(stop)
        self._rows, self._begun = list[_Row](), list[_Begun]()
        self._count = self._pieces = 0
        self._device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def numbers(self) -> list[int]:
        """Of the texts under way, and of those whose prompt is being read."""
        begun = [row for one in self._begun for row in one.rows]
        return [row.number for row in (*self._rows, *begun)]

    def begin(self, *requests: Request) -> list[int]:
        """Begin texts that have prompt and adapter in common, which `read` reads; their numbers.

        Raises:
            UsageError: the prompt is empty, or there is no room; the others go on as before.
        """
        assert isinstance(self.decoder, Joinable)
        prompt, own = requests[0].prompt, requests[0].own
        longest = max(request.length for request in requests)
        reading = self.decoder.begin(prompt, longest, own, len(requests))
        rows = [_Row(self._count + place, request) for place, request in enumerate(requests)]
        self._count += len(rows)
        self._begun.append(_Begun(reading, rows))
        return [row.number for row in rows]

    def read(self, most: int | None = None, /) -> Iterator[New]:
        """Read so many tokens of the prompts; the first tokens of texts, as these join by that.

        Args:
            most: of all prompts together; all that there are if not given.

        Raises:
            Exception: one could not be read, whose texts are gone; the others go on as before.
        """
        while self._begun and (most is None or most > 0):
            begun = self._begun[0] if most is None else self._next()
            before = begun.reading.left
            yield from self._read(begun, before if most is None else min(before, most))
            most = None if most is None else most - before + begun.reading.left

    def join(self, request: Request, /) -> New:
        """Begin a text and read its prompt, while the others wait; its first token.

        Raises:
            UsageError: the prompt is empty, or there is no room; the others go on as before.
        """
        self.begin(request)
        begun, news = self._begun[-1], list[New]()
        while not news:
            news = self._read(begun, begun.reading.left)
        return news[0]

    def step(self) -> list[New]:
        """The next token of each text; those that have ended leave."""
        if not self._rows:
            return []
        newest = torch.tensor([[row.tokens[-1]] for row in self._rows], device=self._device)
        self._choose(self._rows, self.decoder.read(newest, last=True)[:, -1])
        return self._told(self._rows)

    def leave(self, number: int, /) -> None:
        """End a text before its end; one that has ended stays so."""
        self._keep([row for row in self._rows if row.number != number])
        for begun in list(self._begun):
            begun.rows = [row for row in begun.rows if row.number != number]
            if not begun.rows:
                self._forget(begun)

    def _next(self) -> _Begun:
        self._pieces += 1
        if self._pieces % 2:
            return self._begun[0]
        return min(self._begun, key=lambda begun: begun.reading.left)

    def _read(self, begun: _Begun, most: int) -> list[New]:
        """A piece of a prompt; after the last one its texts join, those that have not left."""
        reading, others = begun.reading, self._rows
        try:
            reading.read(most)
        except BaseException:
            self._forget(begun)
            raise
        if reading.left:
            return []
        self._begun.remove(begun)
        logits = reading.join()
        count, self._rows = len(others) + len(logits), others + begun.rows
        if len(self._rows) < count:
            self._reorder(list(range(len(self._rows))))
        self._device = logits.device
        try:
            self._choose(begun.rows, logits[: len(begun.rows)])
        except BaseException:
            self._keep(others)
            raise
        return self._told(begun.rows)

    def _forget(self, begun: _Begun) -> None:
        self._begun.remove(begun)
        begun.reading.close()

    def _told(self, rows: list[_Row]) -> list[New]:
        news = [
            New(row.number, row.tokens[-1], self._ended(row.tokens, row.request)) for row in rows
        ]
        over = {new.number for new in news if new.last}
        self._keep([row for row in self._rows if row.number not in over])
        return news

    def _ended(self, tokens: list[int], request: Request) -> bool:
        return tokens[-1] in self.stop or len(tokens) >= request.length

    def _keep(self, rows: list[_Row]) -> None:
        if len(rows) == len(self._rows):
            return
        places = {row.number: place for place, row in enumerate(self._rows)}
        self._rows = rows
        self._reorder([places[row.number] for row in rows])

    def _reorder(self, places: list[int]) -> None:
        self.decoder.reorder(torch.tensor(places, dtype=torch.int64))

    @torch.inference_mode()
    def _choose(self, rows: list[_Row], logits: Float[Tensor, "b v"]) -> None:
        """The next token of each row."""
        if self.samplers:
            logits = processed(logits, _seen(rows, logits.device), self.samplers)
        tokens = draw(logits).tolist()
        for place, row in enumerate(rows):
            own, request = logits[place : place + 1], row.request
            if request.samplers:
                own = processed(own, _seen([row], own.device), request.samplers)
            if request.samplers or request.generator is not None:
                tokens[place] = int(draw(own, request.generator))
            row.tokens.append(tokens[place])


def _seen(rows: list[_Row], device: torch.device) -> Int[Tensor, "b t"]:
    """Prompt and text of each row; -1 is padding, at the left."""
    texts = [[*row.request.prompt, *row.tokens] for row in rows]
    longest = max(map(len, texts))
    return torch.tensor([[-1] * (longest - len(own)) + own for own in texts], device=device)
