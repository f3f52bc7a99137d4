"""Linear: the rate goes in a straight line from one factor to another.

Down to zero (`start=1,end=0`) it is the decay that BERT made common; up from a small share it is a
warm-up. As torch's does it rises from a third unless told otherwise.

    rate(t) = lr (start + (end - start) min(t, total) / total)

Shapes: a time and a rate in, a rate out.

Departures: none.

References:
    Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova. BERT: pre-training of deep
    bidirectional transformers for language understanding. NAACL 2019, appendix A.2.
    https://arxiv.org/abs/1810.04805

>>> [linear(t, 1.0, total=4, start=1.0, end=0.0) for t in range(6)]
[1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
"""

from cartograd.core.card import Card

CARD = Card(
    name="linear",
    kind="schedule",
    entry="linear",
    nodes=("schedule/warmup",),
    title="Linear change",
    zh="线性变化",
    paper="BERT: pre-training of deep bidirectional transformers for language understanding",
    year=2019,
    url="https://arxiv.org/abs/1810.04805",
    proofs=("oracle: torch.optim.lr_scheduler.LinearLR, rates to 1e-12 over a run",),
    tiny={"total": 8},
)


def linear(
    step: float, lr: float, /, *, total: float, start: float = 1 / 3, end: float = 1.0
) -> float:
    """The rate at a step.

    Args:
        step: counted from 0; an epoch where epochs are counted.
        lr: the optimizer's own rate.
        total: length of the change, in steps or epochs.
        start: share of the rate at the beginning.
        end: share of the rate at the end.
    """
    return lr * (start + (end - start) * min(step, total) / total)
