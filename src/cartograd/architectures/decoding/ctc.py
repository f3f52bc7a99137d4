"""CTC decoding: the likeliest path, or the likeliest text over all its paths.

The likeliest path need not read as the likeliest text, whose probability is spread over many paths.
Prefix beam search goes through the steps once and keeps the likeliest prefixes, each with the
probability of all paths that read as it so far: those that end in a blank, after which the same
label may come again, and those that end in its last label.

    p_t(y, blank) = p_t(blank) (p_t-1(y, blank) + p_t-1(y, label))
    p_t(y, label) = p_t(y_n) (p_t-1(y, label) + p_t-1(y', blank) + p_t-1(y', label) [y'_end != y_n])

where y' is y without its last label.

Shapes: logits `t k` of one row, class 0 the blank; labels, and their log-probability.

Departures: no language model besides.

References:
    Alex Graves. Sequence transduction with recurrent neural networks. 2012.
    https://arxiv.org/abs/1211.3711
    Awni Hannun, Andrew Maas, Daniel Jurafsky, Andrew Ng. First-pass large vocabulary continuous
    speech recognition using bi-directional recurrent DNNs. 2014. https://arxiv.org/abs/1408.2873

>>> import torch
>>> logits = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
>>> greedy(logits[None]), [answer.tokens for answer in ctc_beam_search(logits)]
([[]], [[1], []])
"""

import math
from collections import defaultdict

from jaxtyping import Float
from torch import Tensor

from cartograd.architectures.decoding.beam import Answer
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.objectives.ctc import BLANK, collapsed

CARD = Card(
    name="ctc-beam-search",
    kind="decoding",
    entry="ctc_beam_search",
    nodes=("seq2seq/encoder-decoder", "rnn/bidirectional"),
    title="CTC prefix beam search",
    zh="CTC 前缀束搜索",
    paper="Sequence transduction with recurrent neural networks",
    year=2012,
    url="https://arxiv.org/abs/1211.3711",
    proofs=(
        "law: with enough beams the likeliest of all texts, each with the sum over all its paths, "
        "counted one by one",
        "law: where one label is sure at each step it reads what the likeliest path reads",
    ),
    tiny={"beams": 2},
)


def greedy(logits: Float[Tensor, "b t k"], /) -> list[list[int]]:
    """The labels that the likeliest path of each row reads as."""
    return collapsed(logits.argmax(2))


def ctc_beam_search(logits: Float[Tensor, "t k"], /, *, beams: int = 10) -> list[Answer]:
    """The likeliest texts of a row, the best first.

    Args:
        logits: for each step and label.
        beams: number of prefixes that are kept at each step.

    Raises:
        UsageError: `beams` is out of range.
    """
    if beams < 1:
        raise UsageError(f"beams={beams} is out of range; expected at least 1")
    kept: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    for step in logits.detach().double().log_softmax(1).cpu():
        likely = step.topk(min(beams + 1, len(step))).indices.tolist()
        kept = _next(kept, step.tolist(), sorted({*likely, BLANK}))
        best = sorted(kept.items(), key=lambda item: -_either(*item[1]))[:beams]
        kept = dict(best)
    return [Answer(list(labels), _either(*ends)) for labels, ends in kept.items()]


def _next(
    kept: dict[tuple[int, ...], tuple[float, float]], log_p: list[float], likely: list[int]
) -> dict[tuple[int, ...], tuple[float, float]]:
    """All prefixes one step on, with what their paths end in: a blank, or the last label."""
    blank: dict[tuple[int, ...], float] = defaultdict(lambda: -math.inf)
    label: dict[tuple[int, ...], float] = defaultdict(lambda: -math.inf)
    for y, (in_blank, in_label) in kept.items():
        blank[y] = _either(blank[y], _either(in_blank, in_label) + log_p[BLANK])
        if y:
            label[y] = _either(label[y], in_label + log_p[y[-1]])
        for new in likely:
            if new == BLANK:
                continue
            before = in_blank if y and new == y[-1] else _either(in_blank, in_label)
            if before > -math.inf:
                longer = (*y, new)
                label[longer] = _either(label[longer], before + log_p[new])
    return {y: (blank[y], label[y]) for y in {**blank, **label}}


def _either(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
