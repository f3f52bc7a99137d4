"""Continuous batching: a text that has ended makes room for the next one at once.

A batch that is written to its end waits for its longest text, and each prompt waits for the batch
before. Here each step reads one token of every text that is under way; what has ended leaves, and
what waits is read beside the others and joins them. In pages (`paged`) nothing is copied for that.

    each step: fill up the rows; t_r = draw(samplers(z_r)) for each; those with a stop token leave

Shapes: prompts and texts are lists of token ids.

Departures: a prompt is read as a whole, in a call of its own, while the others wait.

References:
    Gyeong-In Yu et al. Orca: a distributed serving system for Transformer-based generative models.
    OSDI 2022. https://www.usenix.org/conference/osdi22/presentation/yu

>>> from cartograd.architectures.transformer.llama import LLaMA
>>> model = LLaMA(vocabulary=11, dim=8, depth=1, heads=2, ffn_dim=12, context=64).eval()
>>> asked = [Request([1, 2, 3], 4), Request([5], 2), Request([6, 7], 3)]
>>> steps = continuous_batching(model.decoder(0, 16), asked, batch_size=2)
>>> [[new.number for new in step] for step in steps]
[[0, 1], [0, 1], [0, 2], [0, 2], [2]]
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.decoding.draw import draw, processed
from cartograd.architectures.transformer.cache import Cache, CachedDecoder
from cartograd.architectures.transformer.paged import PagedRows
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Decoder, TokenSampler

CARD = Card(
    name="continuous-batching",
    kind="decoding",
    entry="continuous_batching",
    nodes=("llm/long-context",),
    title="Continuous batching over pages of keys and values",
    zh="基于分页键值缓存的连续批处理",
    paper="Orca: A Distributed Serving System for Transformer-Based Generative Models",
    year=2022,
    url="https://www.usenix.org/conference/osdi22/presentation/yu",
    proofs=(
        "law: each text is the one that its prompt gets alone, whatever is written beside it, "
        "greedy or drawn, in floats and in eight bits",
        "law: no more rows than asked for are under way, and their pages are all that is kept",
    ),
    evidence={
        "llm/long-context": (
            "test_each_text_is_the_one_its_prompt_gets_alone",
            "test_whatever_is_done_it_holds_what_a_plain_cache_holds",
            "test_a_model_writes_the_same",
        ),
    },
    tiny={"batch_size": 2},
)


@dataclass(frozen=True)
class Request:
    """A prompt, and how it is answered.

    Attributes:
        prompt: tokens to go on from.
        length: greatest number of new tokens.
        generator: of the draws of this text alone; greedy if None.
    """

    prompt: Sequence[int]
    length: int
    generator: torch.Generator | None = None


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

    def ends(self, stop: Collection[int]) -> bool:
        return self.tokens[-1] in stop or len(self.tokens) >= self.request.length


def continuous_batching(
    decoder: Decoder,
    requests: Iterable[Request | None],
    /,
    *,
    batch_size: int = 8,
    samplers: Sequence[TokenSampler] = (),
    stop: Collection[int] = (),
) -> Iterator[list[New]]:
    """The new tokens of all texts under way, step by step.

    Args:
        decoder: of no rows, with room for the longest prompt and its text; from now on in pages.
        requests: taken as there is room; None says that there is none now, so that it can be asked
            again after a step. It ends with the iterable.
        batch_size: most texts at once.
        samplers: applied to the logits before a token is chosen, each row by itself.
        stop: tokens after which a text has ended.

    Raises:
        UsageError: the decoder has no pages or read something, a prompt is empty, or a text is
            longer than there is room for.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size={batch_size} is out of range; expected at least 1")
    if not isinstance(decoder, CachedDecoder):
        raise UsageError(
            f"a {type(decoder).__name__} takes no further text beside others; expected a model "
            "whose keys and values can lie in pages (llama, gpt, decoder)"
        )
    if decoder.cache.rows or decoder.length:
        raise UsageError("the decoder holds texts already; expected one of no rows")
    if decoder.cache.paged is None:
        decoder.in_pages()
    return _steps(decoder, _Waiting(iter(requests)), batch_size, samplers, frozenset(stop))


class _Waiting:
    """Requests that have not begun."""

    def __init__(self, requests: Iterator[Request | None], /):
        self.requests, self.number, self.over = requests, 0, False

    def take(self, most: int) -> list[_Row]:
        """As many as there is room for, if there are so many now."""
        taken = list[_Row]()
        while len(taken) < most and not self.over:
            try:
                request = next(self.requests)
            except StopIteration:
                self.over = True
                break
            if request is None:
                break
            taken.append(_Row(self.number, request))
            self.number += 1
        return taken


def _steps(
    decoder: CachedDecoder,
    waiting: _Waiting,
    batch_size: int,
    samplers: Sequence[TokenSampler],
    stop: frozenset[int],
) -> Iterator[list[New]]:
    rows = list[_Row]()
    while rows or not waiting.over:
        logits = _read(decoder, rows)
        fresh = waiting.take(batch_size - len(rows))
        logits += [_admitted(decoder, row.request) for row in fresh]
        rows += fresh
        if rows:
            _choose(rows, torch.cat(logits), samplers)
        elif waiting.over:
            return
        yield [New(row.number, row.tokens[-1], row.ends(stop)) for row in rows]
        kept = [place for place, row in enumerate(rows) if not row.ends(stop)]
        if len(kept) < len(rows):
            _keep(decoder.cache, kept)
            rows = [rows[place] for place in kept]


def _read(decoder: CachedDecoder, rows: list[_Row]) -> list[Float[Tensor, "n v"]]:
    """The logits after the newest token of each row; nothing of no rows."""
    if not rows:
        return []
    newest = torch.tensor([[row.tokens[-1]] for row in rows], device=decoder.cache.device)
    return [decoder.read(newest, last=True)[:, -1]]


@torch.inference_mode()
def _admitted(decoder: CachedDecoder, request: Request) -> Float[Tensor, "1 v"]:
    """Read a prompt beside the texts under way, and let it join them; the logits after it."""
    cache = decoder.cache
    paged = cache.paged
    assert paged is not None
    if not request.prompt or request.length < 1:
        raise UsageError("a prompt is empty, or its text; expected at least one token of each")
    needed = len(request.prompt) + request.length - 1
    if needed > paged.capacity:
        raise UsageError(
            f"a prompt of {len(request.prompt)} tokens and {request.length} new ones do not fit "
            f"into a memory of {paged.capacity}; shorten the prompt or ask for fewer new tokens"
        )
    beside = copy(cache)
    beside.rows, beside.paged = 1, PagedRows(paged.pages, [0], capacity=paged.capacity)
    beside.starts, beside.layers = None, beside.paged.layers
    tokens = torch.tensor([list(request.prompt)], device=cache.device)
    logits = decoder.forward(tokens, beside, True)[:, -1]
    paged.join(beside.paged)
    _told(cache, paged)
    return logits


def _keep(cache: Cache, rows: list[int]) -> None:
    paged = cache.paged
    assert paged is not None
    paged.keep(rows)
    paged.trim()
    _told(cache, paged)


@torch.inference_mode(mode=False)
def _told(cache: Cache, paged: PagedRows) -> None:
    """Let the cache know of the rows that there are."""
    cache.rows = len(paged.starts)
    starts = torch.tensor(paged.starts, device=cache.device)
    cache.starts = starts if any(paged.starts) else None


@torch.inference_mode()
def _choose(
    rows: list[_Row], logits: Float[Tensor, "b v"], samplers: Sequence[TokenSampler]
) -> None:
    """The next token of each row."""
    if samplers:
        logits = processed(logits, _seen(rows, logits.device), samplers)
    tokens = draw(logits).tolist()
    for place, row in enumerate(rows):
        if row.request.generator is not None:
            tokens[place] = int(draw(logits[place : place + 1], row.request.generator))
        row.tokens.append(tokens[place])


def _seen(rows: list[_Row], device: torch.device) -> Int[Tensor, "b t"]:
    """Prompt and text of each row; -1 is padding, at the left."""
    texts = [[*row.request.prompt, *row.tokens] for row in rows]
    longest = max(map(len, texts))
    return torch.tensor([[-1] * (longest - len(own)) + own for own in texts], device=device)
