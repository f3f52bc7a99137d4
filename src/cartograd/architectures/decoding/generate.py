"""Generation: one token after another, each sampled from the logits given all before it.

The prompt is read at once, or in chunks, which takes less memory and gives the same. After it,
each step reads one token for each row. Finished rows leave the batch, so that they cost nothing
more. Several answers to one prompt read it once.

    t_i = draw(samplers(model(t_1 ... t_i-1)))

Shapes: prompts `b t`; answers are lists of token ids, as long as they turned out.

Departures: prompts of unequal length are padded at the left, and padding is masked and not counted:
a row gives the same tokens as in a batch by itself.

References:
    Reiner Pope et al. Efficiently scaling transformer inference. 2022, MLSys 2023.
    https://arxiv.org/abs/2211.05102

>>> left_padded([[5, 6, 7], [8]])
(tensor([[5, 6, 7],
        [0, 0, 8]]), tensor([0, 2]))
"""

from collections.abc import Collection, Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.architectures.decoding.draw import Generators, draw, processed
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Decoder, TokenSampler


def generate(
    decoder: Decoder,
    prompt: Int[Tensor, "b t"],
    starts: Int[Tensor, " b"] | None = None,
    generator: Generators = None,
    /,
    *,
    length: int,
    samplers: Sequence[TokenSampler] = (),
    stop: Collection[int] = (),
    prefill_chunk: int | None = None,
    count: int = 1,
) -> list[list[int]]:
    """The new tokens of each row; the last one is a stop token where one was met.

    Args:
        decoder: has read nothing yet (or what comes before the prompt).
        prompt: the tokens to go on from, padded at the left.
        starts: how many tokens at the left of each row are padding; the decoder knows them, too.
        generator: random generator for sampling; greedy if not given.
        length: greatest number of new tokens.
        samplers: applied to the logits before a token is chosen.
        stop: tokens after which a row is finished.
        prefill_chunk: most tokens of the prompt that are read at once, which bounds the memory
            that reading takes; the whole prompt if not given.
        count: answers to each prompt, one after another among the rows.

    Raises:
        UsageError: there is no prompt, no token in a chunk, or the decoder has no room for so many.
    """
    rows: list[list[int]] = [[] for _ in range(count * len(prompt))]
    steps = stream(
        decoder, prompt, starts, generator, length=length, samplers=samplers, stop=stop,
        prefill_chunk=prefill_chunk, count=count,
    )  # fmt: skip
    for step in steps:
        for row, token in zip(rows, step, strict=True):
            if token is not None:
                row.append(token)
    return rows


def stream(
    decoder: Decoder,
    prompt: Int[Tensor, "b t"],
    starts: Int[Tensor, " b"] | None = None,
    generator: Generators = None,
    /,
    *,
    length: int,
    samplers: Sequence[TokenSampler] = (),
    stop: Collection[int] = (),
    prefill_chunk: int | None = None,
    count: int = 1,
) -> Iterator[list[int | None]]:
    """As `generate`, step by step: the next token of each row, None for one that has finished.

    Raises:
        UsageError: as there.
    """
    if prompt.shape[1] == 0:
        raise UsageError("there is no prompt; expected at least one token to go on from")
    if length < 1 or count < 1:
        raise UsageError(f"length={length} and count={count} have to be at least 1")
    if prefill_chunk is not None and prefill_chunk < 1:
        raise UsageError(f"prefill_chunk={prefill_chunk} reads nothing; expected at least 1")
    chunk = prompt.shape[1] if prefill_chunk is None else prefill_chunk
    return _steps(
        decoder, prompt, starts, generator, length, samplers, frozenset(stop), chunk, count
    )


def left_padded(
    prompts: Sequence[Sequence[int]], /
) -> tuple[Int[Tensor, "b t"], Int[Tensor, " b"]]:
    """Prompts of unequal length as one tensor that ends with all of them, and where each starts.

    Raises:
        UsageError: there is none, or one is empty.
    """
    if not prompts or not all(len(prompt) for prompt in prompts):
        raise UsageError("a prompt is empty; expected at least one token to go on from")
    longest = max(map(len, prompts))
    starts = [longest - len(prompt) for prompt in prompts]
    rows = [[0] * start + list(own) for start, own in zip(starts, prompts, strict=True)]
    return torch.tensor(rows), torch.tensor(starts)


def _steps(
    decoder: Decoder,
    prompt: Tensor,
    starts: Tensor | None,
    generator: Generators,
    length: int,
    samplers: Sequence[TokenSampler],
    stop: frozenset[int],
    chunk: int,
    count: int,
) -> Iterator[list[int | None]]:
    rows, before = prompt.shape
    copies = torch.arange(rows, device=prompt.device).repeat_interleave(count)
    seen = prompt.new_full((rows, before + length), -1)
    seen[:, :before] = prompt
    if starts is not None:
        seen[:, :before].masked_fill_(
            torch.arange(before, device=starts.device) < starts[:, None], -1
        )
    alive, seen = list(range(len(copies))), seen[copies]
    *first, unread = prompt.split(chunk, 1)
    for piece in first:
        decoder.read(piece, last=True)
    for place in range(before, before + length):
        with torch.inference_mode():
            logits = decoder.read(unread, last=True)[:, -1]
            if place == before and count > 1:
                decoder.reorder(copies)
                logits = logits[copies]
            tokens = draw(processed(logits, seen[:, :place], samplers), generator)
        seen[:, place] = tokens
        written = tokens.tolist()
        step: list[int | None] = [None] * len(copies)
        for row, token in zip(alive, written, strict=True):
            step[row] = token
        yield step
        going = [number for number, token in enumerate(written) if token not in stop]
        if not going:
            return
        if len(going) < len(alive):
            kept = torch.tensor(going, device=prompt.device)
            decoder.reorder(kept)
            seen, alive = seen[kept], [alive[number] for number in going]
            if isinstance(generator, Sequence):
                generator = [generator[number] for number in going]
        unread = seen[:, place : place + 1]
