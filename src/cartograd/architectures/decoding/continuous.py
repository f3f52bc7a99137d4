"""Continuous batching: a text that has ended makes room for the next one at once.

A batch that is written to its end waits for its longest text, and each prompt waits for the batch
before. Here each step reads one token of every text that is under way; what has ended leaves, and
what waits is read beside the others and joins them. In pages (`paged`) nothing is copied for that.

    each step: fill up the rows; t_r = draw(samplers(z_r)) for each; those with a stop token leave;
    read a chunk of the prompts that wait

Shapes: prompts and texts are lists of token ids.

Departures: prompts are read in calls of their own, between the steps of the others.

References:
    Amey Agrawal et al. Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve. OSDI
    2024 (prompts in chunks between the steps). https://arxiv.org/abs/2403.02310
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

from cartograd.architectures.decoding.underway import New, Request, Underway
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
        "greedy or drawn, in floats and in eight bits, its prompt read whole or in chunks",
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


def continuous_batching(
    decoder: Decoder,
    requests: Iterable[Request | None],
    /,
    *,
    batch_size: int = 8,
    samplers: Sequence[TokenSampler] = (),
    stop: Collection[int] = (),
    chunk: int | None = None,
) -> Iterator[list[New]]:
    """The new tokens of all texts under way, step by step.

    Args:
        decoder: of no rows, with room for the longest prompt and its text; from now on in pages.
        requests: taken as there is room; None says that there is none now, so that it can be asked
            again after a step. It ends with the iterable.
        batch_size: most texts at once.
        samplers: applied to the logits before a token is chosen, each row by itself.
        stop: tokens after which a text has ended.
        chunk: most tokens of prompts that are read between two steps of the texts under way, so
            that a long one does not stop these; whole prompts if not given.

    Raises:
        UsageError: the decoder has no pages or read something, a prompt is empty, or a text is
            longer than there is room for.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size={batch_size} is out of range; expected at least 1")
    if chunk is not None and chunk < 1:
        raise UsageError(f"chunk={chunk} reads nothing; expected at least 1")
    texts = Underway(decoder, samplers=samplers, stop=stop)
    return _steps(texts, _Waiting(iter(requests)), batch_size, chunk)


class _Waiting:
    """Requests that have not begun."""

    def __init__(self, requests: Iterator[Request | None], /):
        self.requests, self.over = requests, False

    def take(self, most: int) -> list[Request]:
        """As many as there is room for, if there are so many now."""
        taken = list[Request]()
        while len(taken) < most and not self.over:
            try:
                request = next(self.requests)
            except StopIteration:
                self.over = True
                break
            if request is None:
                break
            taken.append(request)
        return taken


def _steps(
    texts: Underway, waiting: _Waiting, batch_size: int, chunk: int | None
) -> Iterator[list[New]]:
    while len(texts) or not waiting.over:
        room = batch_size - len(texts)
        news = texts.step()
        for request in waiting.take(room):
            texts.begin(request)
        news += texts.read(chunk)
        if not news and waiting.over and not len(texts):
            return
        yield news
