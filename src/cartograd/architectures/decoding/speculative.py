"""Speculative decoding: a draft model proposes a few tokens, the large one verifies them at once.

Reading five tokens costs a large model hardly more than reading one: its weights have to come from
memory either way. A proposal is accepted with the probability that makes the result distributed as
if the large model had sampled each token itself; the first one rejected is sampled anew.

    p_keep(y ~ q) = min(1, p(y) / q(y)),   else y ~ max(0, p - q) / sum max(0, p - q)

Shapes: a prompt `1 t`; the answer comes in pieces of 1 to `num_assistant_tokens` + 1 tokens.

Departures: none. p and q are the distributions after the samplers. Without a generator a guess is
kept where it is the large model's likeliest token, which gives its greedy answer.

References:
    Yaniv Leviathan, Matan Kalman, Yossi Matias. Fast inference from transformers via speculative
    decoding. 2022, ICML 2023. https://arxiv.org/abs/2211.17192
    Charlie Chen et al. Accelerating large language model decoding with speculative sampling. 2023.
    https://arxiv.org/abs/2302.01318

>>> p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]])
>>> generator = torch.Generator().manual_seed(0)
>>> checked(p, q, 1, generator)
(True, 1)
"""

from collections.abc import Collection, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.decoding.draw import drawn, processed, uniform
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Decoder, TokenSampler

CARD = Card(
    name="speculative",
    kind="decoding",
    entry="speculative",
    nodes=("llm/long-context",),
    title="Speculative decoding",
    zh="推测解码",
    paper="Fast inference from transformers via speculative decoding",
    year=2022,
    url="https://arxiv.org/abs/2211.17192",
    proofs=(
        "law: what it draws is distributed as what the large model draws alone (chi-square), "
        "however bad the draft, samplers included",
        "law: without a generator the answer is the large model's greedy one, token by token",
    ),
    evidence={
        "llm/long-context": (
            "test_distributed_as_the_large_model_alone",
            "acceptance:needle-beyond-training",
        ),
    },
    tiny={"length": 3, "num_assistant_tokens": 2},
    renamed={"ahead": "num_assistant_tokens"},
)


def speculative(
    decoder: Decoder,
    draft: Decoder,
    prompt: Int[Tensor, "b t"],
    generator: torch.Generator | None = None,
    /,
    *,
    length: int,
    num_assistant_tokens: int = 4,
    samplers: Sequence[TokenSampler] = (),
    stop: Collection[int] = (),
) -> Iterator[list[int]]:
    """The new tokens, in pieces as they are accepted; the last is a stop token where one was met.

    Args:
        decoder: the model whose answer is wanted; has read nothing yet.
        draft: a faster model with the same vocabulary; has read nothing yet.
        prompt: the tokens to go on from, a single row.
        generator: random generator for sampling; greedy if not given.
        length: greatest number of new tokens.
        num_assistant_tokens: tokens that the draft proposes at a time.
        samplers: applied to the logits of both before a token is chosen.
        stop: tokens after which the answer is finished.

    Raises:
        UsageError: there is not exactly one prompt, or the models' vocabularies differ.
    """
    if len(prompt) != 1 or prompt.shape[1] == 0:
        raise UsageError("speculative decoding goes on from one row of at least one token")
    if length < 1 or num_assistant_tokens < 1:
        raise UsageError(
            f"length={length} and num_assistant_tokens={num_assistant_tokens} have to be at least 1"
        )
    return _rounds(
        decoder, draft, prompt, generator, length, num_assistant_tokens, samplers, frozenset(stop)
    )


def checked(
    p: Float[Tensor, "1 v"],
    q: Float[Tensor, "1 v"],
    guess: int,
    generator: torch.Generator | None,
    /,
) -> tuple[bool, int]:
    """Whether a proposal sampled from q is accepted, and the token that results.

    Args:
        p: the large model's probabilities.
        q: the draft's, from which the proposal was sampled.
        guess: the proposed token.
        generator: random generator; None accepts only the likeliest.
    """
    if generator is None:
        best = int(p.argmax())
        return best == guess, best
    if uniform(1, generator).item() * q[0, guess].item() < p[0, guess].item():
        return True, guess
    rest = (p - q).clamp(min=0)
    return False, int(drawn(rest if rest.any() else p, generator))


def _rounds(
    decoder: Decoder,
    draft: Decoder,
    prompt: Tensor,
    generator: torch.Generator | None,
    length: int,
    num_assistant_tokens: int,
    samplers: Sequence[TokenSampler],
    stop: frozenset[int],
) -> Iterator[list[int]]:
    def odds(logits: Tensor, end: int) -> Tensor:
        return processed(logits, text[:, :end], samplers).softmax(1)

    read, last = prompt.shape[1], prompt.shape[1] + length
    text = prompt.new_zeros(1, last)
    text[:, :read] = prompt
    if read > 1:  # so that no logits within the prompt are computed
        decoder.read(prompt[:, :-1], last=True)
    while read < last:
        guesses = min(num_assistant_tokens, last - read - 1)
        with torch.inference_mode():
            doubts = []
            for end in range(read, read + guesses):
                logits = draft.read(text[:, draft.length : end], last=True)[:, -1]
                doubts.append(odds(logits, end))
                text[0, end] = (
                    doubts[-1].argmax() if generator is None else drawn(doubts[-1], generator)[0]
                )
            logits = decoder.read(text[:, read - 1 : read + guesses])[0]
            _check_vocabularies(logits, doubts)
            piece: list[int] = []
            for end, q in enumerate(doubts, start=read):
                p = odds(logits[end - read, None], end)
                kept, token = checked(p, q, int(text[0, end]), generator)
                piece.append(token)
                if not kept or token in stop:
                    break
            else:
                p = odds(logits[-1:], read + guesses)
                piece.append(int(p.argmax() if generator is None else drawn(p, generator)))
        ended = [index for index, token in enumerate(piece) if token in stop]
        piece = piece[: ended[0] + 1] if ended else piece
        text[0, read : read + len(piece)] = torch.tensor(piece)
        read += len(piece)
        yield piece
        if ended:
            return
        decoder.rewind(read - 1)
        draft.rewind(min(draft.length, read - 1))


def _check_vocabularies(logits: Tensor, doubts: list[Tensor]) -> None:
    for q in doubts:
        if q.shape[1] != logits.shape[1]:
            raise UsageError(
                f"the draft knows {q.shape[1]} tokens, the model {logits.shape[1]}; expected the "
                f"same vocabulary"
            )
