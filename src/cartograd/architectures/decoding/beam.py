"""Beam search: several hypotheses in parallel, of which the most probable as a whole wins.

The likeliest next token need not begin the likeliest answer. A beam of k unfinished answers goes on
by all tokens at once, and the k best of all continuations stay. Long answers have small products of
probabilities; their score is divided by a power of their length.

    score(y) = log p(y_1 ... y_n) / n^a = sum_i log p(y_i | y_1 ... y_i-1) / n^a

Shapes: prompts `b t`; for each row its best answers, the best first.

Departures: the length counts the new tokens, the stop token too, and the penalty is n^a rather than
((5 + n) / 6)^a. A row ends when no unfinished answer can beat the finished ones any more, so
stopping early changes nothing (`ending` says otherwise). An answer cut off at the greatest length
counts as finished.

References:
    Ilya Sutskever, Oriol Vinyals, Quoc Le. Sequence to sequence learning with neural networks.
    NIPS 2014. https://arxiv.org/abs/1409.3215
    Yonghui Wu et al. Google's neural machine translation system. 2016 (length penalty).
    https://arxiv.org/abs/1609.08144

>>> Answer([3, 1], -0.5).tokens
[3, 1]
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.architectures.decoding.draw import processed
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Decoder, TokenSampler

CARD = Card(
    name="beam-search",
    kind="decoding",
    entry="beam_search",
    nodes=("seq2seq/encoder-decoder",),
    title="Beam search",
    zh="束搜索",
    paper="Sequence to sequence learning with neural networks",
    year=2014,
    url="https://arxiv.org/abs/1409.3215",
    proofs=(
        "oracle: transformers.generate with beams, the same answers and scores, by each way to "
        "end and with a repetition penalty",
        "law: with a beam as wide as the tree it finds the best of all answers, by any length "
        "penalty",
        "law: one beam without a length penalty is greedy decoding",
    ),
    evidence={"seq2seq/encoder-decoder": ("test_equals_transformers", "test_one_beam_is_greedy")},
    tiny={"beams": 2, "length": 3},
)


ENDINGS = ("certain", "likely", "full")
"""When a row has ended: no unfinished answer can beat the finished ones, or none does by the length
it has now, or there are as many finished ones as beams."""


@dataclass(frozen=True)
class Answer:
    """New tokens, and how good they are: the mean (by length penalty 1) log-probability."""

    tokens: list[int]
    score: float


@dataclass(frozen=True)
class _Search:
    """What a search is told."""

    length: int
    beams: int
    penalty: float
    stop: Collection[int]
    ending: str


@dataclass
class _Row:
    """One prompt's answers: those that are finished, and those under way with their sums."""

    number: int
    finished: list[Answer] = field(default_factory=list)
    running: list[tuple[float, list[int]]] = field(default_factory=list)


def beam_search(
    decoder: Decoder,
    prompt: Int[Tensor, "b t"],
    /,
    *,
    length: int,
    beams: int = 4,
    length_penalty: float = 1.0,
    stop: Collection[int] = (),
    samplers: Sequence[TokenSampler] = (),
    ending: str = "certain",
) -> list[list[Answer]]:
    """The best answers to each prompt that a beam finds, at most `beams` of them.

    Args:
        decoder: has read nothing yet; it holds a row for each prompt and gets `beams` times as
            many.
        prompt: the tokens to go on from.
        length: greatest number of new tokens.
        beams: number of hypotheses that are kept.
        length_penalty: power of the length by which a sum of log-probabilities is divided; above 0
            it is kind to long answers.
        stop: tokens that finish an answer.
        samplers: applied to the log-probabilities of each next token.
        ending: when a row has ended, one of `ENDINGS`: `certain`, when no unfinished answer can
            beat the finished ones; `likely`, when none does by the length it has now; `full`, as
            soon as `beams` are finished.

    Raises:
        UsageError: there is no prompt, a number is out of range, or an ending unknown.
    """
    if prompt.shape[1] == 0:
        raise UsageError("there is no prompt; expected at least one token to go on from")
    if length < 1 or beams < 1:
        raise UsageError(f"length={length} and beams={beams} have to be at least 1")
    if ending not in ENDINGS:
        raise unknown("ending", ending, ENDINGS)
    search = _Search(length, beams, length_penalty, stop, ending)
    logits = decoder.read(prompt, last=True)[:, -1]
    rows = [_Row(number, [], [(0.0, [])]) for number in range(len(prompt))]
    alive, width = rows, 1
    for step in range(1, length + 1):
        shares = logits.log_softmax(1)
        if samplers:
            shares = processed(shares, _seen(prompt, alive), samplers)
        parents = _grown(alive, shares, width, step, search)
        if step == length:
            break
        going = [index for index, row in enumerate(alive) if not _decided(row, step, search)]
        if not going:
            break
        kept = [index * width + parent for index in going for parent in parents[index]]
        alive, width = [alive[index] for index in going], beams
        decoder.reorder(torch.tensor(kept, device=prompt.device))
        newest = [[tokens[-1]] for row in alive for _, tokens in row.running]
        logits = decoder.read(torch.tensor(newest, device=prompt.device), last=True)[:, -1]
    return [row.finished for row in rows]


def _seen(prompt: Tensor, rows: list[_Row]) -> Tensor:
    """The tokens of each hypothesis so far, its prompt among them."""
    listed = prompt.tolist()
    texts = [listed[row.number] + tokens for row in rows for _, tokens in row.running]
    return torch.tensor(texts, device=prompt.device)


def _grown(
    rows: list[_Row], shares: Tensor, width: int, step: int, search: _Search
) -> list[list[int]]:
    """Extend all hypotheses by a token; return the index of the one that each came from."""
    vocabulary, beams = shares.shape[1], search.beams
    sums = torch.tensor([[total for total, _ in row.running] for row in rows]).to(shares)
    reached = shares.view(len(rows), width, vocabulary) + sums[:, :, None]
    looked = min((1 + len(search.stop)) * beams, width * vocabulary)
    best = reached.flatten(1).topk(looked)
    parents = []
    for row, totals, places in zip(rows, best.values.tolist(), best.indices.tolist(), strict=True):
        before, row.running, came = row.running, [], []
        for rank, (total, index) in enumerate(zip(totals, places, strict=True)):
            if total == -math.inf:
                break
            parent, token = divmod(index, vocabulary)
            tokens = [*before[parent][1], token]
            if token in search.stop or step == search.length:
                if rank < beams:
                    row.finished.append(Answer(tokens, total / step**search.penalty))
            elif len(row.running) < beams:
                row.running.append((total, tokens))
                came.append(parent)
        row.finished = sorted(row.finished, key=lambda answer: -answer.score)[:beams]
        while row.running and len(row.running) < beams:  # an unused place in the beam
            row.running.append((-math.inf, row.running[0][1]))
            came.append(came[0])
        parents.append(came)
    return parents


def _decided(row: _Row, step: int, search: _Search) -> bool:
    """Whether a row has ended."""
    if not row.running:
        return True
    if len(row.finished) < search.beams:
        return False
    if search.ending == "full":
        return True
    longest = search.length if search.penalty > 0 else step + 1
    size = step if search.ending == "likely" else longest
    return row.running[0][0] / size**search.penalty <= row.finished[-1].score
