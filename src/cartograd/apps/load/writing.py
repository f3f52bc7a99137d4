"""What a model needs to generate text: a tokenizer, a decoder, and room in its context."""

import sys
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from cartograd.apps.answers.writer import (
    Begun,
    begun,
    context_of,
    ends,
    manner_of,
    tokenizer_of,
    writer_of,
)
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.architectures.decoding.generate import left_padded
from cartograd.architectures.decoding.grammar.words import Words
from cartograd.architectures.decoding.streaming import room_for, streaming
from cartograd.core.errors import UsageError, unknown
from cartograd.core.inference import Fusible, PagedCache, RoundedCache
from cartograd.core.protocols import Decoder, Writer
from cartograd.core.signed import Signed
from cartograd.data.text.chat import Messages
from cartograd.data.text.token_bytes import token_bytes
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.practice.compression.fast_weights import inference_form

CACHES = ("float32", "int8", "paged")
"""How keys and values are kept: as the model computes them, in a quarter of its bytes, and in pages
that rows share, with either of these or (`paged` alone) the first."""

NEAR = 8
"""Previous tokens that may change how the next one is decoded."""


class TooLongError(UsageError):
    """A prompt that the model's context has no room for."""


class Writing:
    """A model with its tokenizer, ready to generate.

    Args:
        target: a model with a signature and a tokenizer, a run, a bundle, the path of one, or the
            name of published weights.
        precision: of the weights: float32, float16, bf16, int8, int4 (coarser), or auto for the
            quickest of the others here. Weights that are rounded already stay as they are.
        cache: how it keeps keys and values while it writes: float32, int8, paged or paged,int8.
        window: how many of the last tokens it keeps, so that texts may be endless; all if None.
        sinks: how many of the first tokens it keeps beside a window.

    Raises:
        UsageError: it is none that writes texts, or keeps no weights, or nothing else, in this
            format.
    """

    def __init__(
        self, target: Target, /, *, precision: str = "float32", cache: str = "float32",
        window: int | None = None, sinks: int = 4,
    ):  # fmt: skip
        kept = kept_as(cache)
        self.signed: Signed = as_signed(target)
        signed, name = self.signed, name_of(self.signed)
        model = writer_of(signed.model, signed.signature, name)
        self.tokenizer: Tokenizer = tokenizer_of(signed.tokenizer, name)
        self.tokenizer.check(signed.signature.input)
        self.stop = ends(self.tokenizer)  # before the weights are in memory: making it takes some
        self.manner = manner_of(self.tokenizer)
        self.device = next(iter(signed.parameters())).device
        self.model: Writer = _ready(model, precision, self.device)
        self.answers, self.cache = signed.signature.task.generated == "answer", kept
        if kept != {"float32"}:
            self._check_cache(name)
        self.window, self.sinks = window, sinks
        if window is not None:
            self._check_window(name, window)

    def encoded(self, prompt: Messages, /, *, plain: bool = False) -> list[int]:
        """The tokens of a prompt, as a chat where the tokenizer knows how one is written.

        Raises:
            UsageError: it is empty, or (`TooLongError`) longer than the model's context.
        """
        if not isinstance(prompt, str) or (self.tokenizer.template and not plain):
            tokens = self.tokenizer.chat_numbers(prompt)
        else:
            tokens = self.tokenizer.encode(prompt)
            if not self.answers and tokens and tokens[-1] == self.tokenizer.end:
                tokens = tokens[:-1]  # a text to go on from has not ended
        if not tokens:
            if self.tokenizer.begin is None:
                raise UsageError("the prompt is empty; expected a text to go on from")
            tokens = [self.tokenizer.begin]
        context = self.context if self.window is None else None
        if context is not None and len(tokens) + (not self.answers) > context:
            raise TooLongError(
                f"the prompt has {len(tokens)} tokens and the context of {name_of(self.signed)} "
                f"is {context}; shorten the prompt"
            )
        return tokens

    def before(self, row: Sequence[int], /) -> list[int]:
        """The end of what the answer goes on from; one to a source begins anew."""
        return [] if self.answers else list(row[-NEAR:])

    def text(self, tokens: Sequence[int], /, *, after: Sequence[int]) -> str:
        """Tokens as they read after others, on which it depends whether a space is between."""
        start = self.tokenizer.decode(after)
        return self.tokenizer.decode([*after, *tokens])[len(start) :]

    @cached_property
    def words(self) -> Words:
        """What each token writes; kept, as all texts of a given form are spelled by it.

        Raises:
            UsageError: its tokens write different things at different places.
        """
        return Words(token_bytes(self.tokenizer))

    @property
    def context(self) -> int | None:
        """The context length of the model, where its spec has it."""
        return context_of(self.signed)

    def begin(self, rows: Sequence[Sequence[int]], length: int, /) -> Begun:
        """A decoder before its first token, what it reads first, and how much room it has."""
        if self.answers:
            source = self.tokenizer.rows(rows).to(self.device)
            return begun(self.model, self.signed, source, length)
        prompt, starts = (part.to(self.device) for part in left_padded(rows))
        if self.window is not None:
            return self._endless(prompt, length, self.window)
        room = min(length, self.room(prompt[0]))
        padded = {"starts": starts} if starts.any() else {}
        decoder = self._kept(self.model.decoder(len(rows), prompt.shape[1] + room, **padded))
        return Begun(decoder, prompt, padded.get("starts"), room)

    def room(self, row: Sequence[int] | Tensor, /) -> int:
        """How many new tokens the context has room for behind a prompt."""
        return sys.maxsize if self.context is None else self.context - len(row)

    def empty(self, rows: Sequence[Sequence[int]], length: int, /) -> Decoder:
        """A decoder of no rows yet, with room for each of these prompts and its text."""
        needed = [len(row) + min(length, self.room(row)) for row in rows]
        return self._kept(self.model.decoder(0, max(needed, default=1)))

    def _endless(self, prompt: Tensor, length: int, window: int) -> Begun:
        room = room_for(self.sinks, window, self.context)
        decoder = self._kept(self.model.decoder(len(prompt), room))
        return Begun(streaming(decoder, sinks=self.sinks, window=window), prompt, None, length)

    def _kept(self, decoder: Decoder) -> Decoder:
        if "paged" in self.cache:
            assert isinstance(decoder, PagedCache)
            decoder.in_pages(in_int8="int8" in self.cache)
        elif "int8" in self.cache:
            assert isinstance(decoder, RoundedCache)
            decoder.in_int8()
        return decoder

    def _check_window(self, name: str, window: int) -> None:
        """Refuse a model that cannot read endless texts, before it reads one."""
        if self.answers:
            raise UsageError(f"{name} answers sources; window is for models that go on from a text")
        self._endless(torch.zeros(1, 1, dtype=torch.int64), 1, window)

    def _check_cache(self, name: str) -> None:
        """Refuse a model that keeps no keys and values, or those of a source, too."""
        said = ",".join(sorted(self.cache, reverse=True))
        if self.answers:
            raise UsageError(
                f"{name} keeps the keys and values of a source, in float32 only; cache={said} is "
                "for models that go on from a text"
            )
        needed = PagedCache if "paged" in self.cache else RoundedCache
        if not isinstance(self.model.decoder(1, 1), needed):
            raise UsageError(
                f"{name} keeps no keys and values that could be rounded or lie in pages; leave "
                f"cache={said} out"
            )


def kept_as(cache: str, /) -> frozenset[str]:
    """What is said of a cache, word by word.

    Raises:
        UsageError: a word is unknown, or two of them say different things.

    >>> sorted(kept_as("paged,int8"))
    ['int8', 'paged']
    """
    words = frozenset(word.strip() for word in cache.split(","))
    for word in words:
        if word not in CACHES:
            raise unknown("number format of a cache", word, CACHES)
    if {"float32", "int8"} <= words:
        raise UsageError(f"cache={cache} says two number formats; expected float32 or int8")
    return words


def _ready(model: Writer, precision: str, device: torch.device) -> Writer:
    """The model as it writes the quickest."""
    if isinstance(model, Fusible) and device.type == "cpu":
        return inference_form(model, precision)
    if precision != "float32":
        raise UsageError(
            f"{type(model).__name__} writes in float32 only; other formats are for LLaMA and its "
            "kin on a CPU"
        )
    return model
