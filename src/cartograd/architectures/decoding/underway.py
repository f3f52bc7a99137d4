"""Texts under way: each begins and ends when it likes, and is the one that it would be alone.

    join: read the prompt, t_1 = draw(samplers(z));   step: t_i = draw(samplers(z_i)) of each text

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

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.decoding.draw import draw, processed
from cartograd.architectures.decoding.joined import joined
from cartograd.core.inference import Joinable
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


@dataclass
class _Row:
    """A text under way."""

    number: int
    request: Request
    tokens: list[int] = field(default_factory=list)


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
        self._rows, self._count = list[_Row](), 0
        self._device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self._rows)

    def join(self, request: Request, /) -> New:
        """Begin a text, while the others wait; its first token.

        Raises:
            UsageError: the prompt is empty, or there is no room; the others go on as before.
        """
        assert isinstance(self.decoder, Joinable)
        logits = self.decoder.admit(request.prompt, request.length, request.own)
        row, self._device = _Row(self._count, request), logits.device
        self._count += 1
        self._rows.append(row)
        self._choose([row], logits)
        return self._told([row])[0]

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
        kept = [places[row.number] for row in rows]
        self._rows = rows
        self.decoder.reorder(torch.tensor(kept, dtype=torch.int64))

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
