"""Whether B may replace A by a metric: a one-sided bound against the margin, and three answers.

B *may* where even the lower 95 % bound of its gain is above the margin's loss, and *may not* where
the upper one is below it. Between the two there are too few examples, and how many more would
decide follows from how often the two differed on those that there are.

Of several margins all have to hold, so each is judged at 95 %: that B passes although one of them
is broken stays as rare as of that one alone (Berger's intersection-union test). That B fails is
enough by any one of them, and these bounds are therefore Bonferroni's.

References:
    Roger Berger. Multiparameter hypothesis testing and acceptance sampling. Technometrics 24, 1982.
    https://doi.org/10.1080/00401706.1982.10487790
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from cartograd.apps.answers.averaged import about, measure, spoken
from cartograd.apps.replace.margin import Margin
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec
from cartograd.practice.metrics.paired import doubted
from cartograd.practice.metrics.paired_share import bounds
from cartograd.practice.metrics.positions import apart, reducer

LEVEL, POWER = 0.95, 0.8
"""Of the bounds; and how often as many examples as are asked for would decide."""

INFLUENCE = 0.965
"""At which bounds by the influence of examples are made, to hold 95 %: of 60 to 400 skewed losses
those of 95 % failed in 4.5 to 6.2 of 100 samples (3,000 drawn of each)."""

LEAST = 1e-30
"""The smallest probability that a logarithm is taken of."""

Word = Literal["may", "may not", "too few"]


@dataclass(frozen=True)
class Judged:
    """A metric of both forms and what follows by its margin.

    Attributes:
        metric: its spec.
        spoken: its name with the class or average that it is of.
        values: of A and of B.
        gain: how much better B is; negative where it is worse.
        low, high: one-sided bounds of the gain: at 95 % below, Bonferroni's above.
        margin: how much worse B may be.
        word: what follows.
        more: how many further examples would decide; None where it is decided, or none would.
        doubt: why the bounds may hold less often than they state.
    """

    metric: str
    spoken: str
    values: tuple[float, float]
    gain: float
    low: float
    high: float
    margin: float
    word: Word
    more: int | None = None
    doubt: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        told = {key: value for key, value in vars(self).items() if key not in ("values", "doubt")}
        return (
            told
            | {"a": self.values[0], "b": self.values[1]}
            | ({"approximate": self.doubt} if self.doubt else {})
        )


def judged(
    margin: Margin,
    signature: Signature,
    answers: tuple[Float[Tensor, "n *t k"], Float[Tensor, "n *t k"]],
    targets: Shaped[Tensor, "n ..."],
    /,
    *,
    margins: int = 1,
    seed: int = 0,
) -> Judged:
    """A margin's verdict.

    Args:
        margin: of which metric, and how much.
        signature: what the answers are of.
        answers: probabilities, or values, of A and of B.
        targets: the right answers.
        margins: how many there are.
        seed: of the bootstrap, where it is drawn.
    """
    metric = measure(margin.metric, signature)
    first, second = (as_outputs(one, signature) for one in answers)
    between = _paired(metric, (first, second), targets, each=signature.task.each, seed=seed)
    values, _, doubt = between(2 * INFLUENCE - 1)
    sign = 1 if margin.higher else -1
    gain, strict = sign * (values[1] - values[0]), 1 - (1 - LEVEL) / margins
    wide, n = 1 - (1 - INFLUENCE) / margins, len(targets)
    if Spec.parse(margin.metric) == Spec("accuracy") and not signature.task.each:
        doubt, good = "", [right(one, targets) for one in answers]
        only = int((good[1] & ~good[0]).sum()), int((good[0] & ~good[1]).sum())
        low, high = bounds(*only, n)[0], bounds(*only, n, level=strict)[1]

        def least(count: float) -> float:
            return bounds(only[0] * count / n, only[1] * count / n, count)[0]

        certain = not any(only)
    else:
        inner, outer = (between(2 * level - 1)[1] for level in (INFLUENCE, wide))
        low, high = (inner[0], outer[1]) if margin.higher else (-inner[1], -outer[0])

        def least(count: float) -> float:
            return gain - (gain - low) * math.sqrt(n / count)

        certain = False
    word = _word(low, high, margin.most)
    more = None
    if word == "too few":
        more = needed(least, gain, margin.most, n, certain=certain)
    named = spoken(margin.metric, about(margin.metric, signature))
    return Judged(
        margin.metric, named, values, gain, low, high, margin.most, word, more, doubt
    )  # fmt: skip


def _paired(
    metric: Any, outputs: tuple[Tensor, Tensor], targets: Tensor, /, *, each: bool, seed: int
) -> Callable[[float], tuple[tuple[float, float], tuple[float, float], str]]:
    """Both values, the interval of their difference at a level, and a doubt: by examples."""
    if each:
        reduce = reducer({"metric": metric})
        first, second = (reduce(one, targets) for one in outputs)
        return lambda level: apart(metric, (first, second), level=level)
    values = float(metric(outputs[0], targets)), float(metric(outputs[1], targets))

    def between(level: float) -> tuple[tuple[float, float], tuple[float, float], str]:
        return values, *doubted(metric, *outputs, targets, level=level, seed=seed)

    return between


def needed(
    least: Callable[[float], float],
    gain: float,
    margin: float,
    n: int,
    /,
    *,
    certain: bool = False,
    most: int = 10**8,
) -> int | None:
    """How many more examples would decide in 80 of 100 samples, if the two differ as they did.

    Args:
        least: the lower bound with so many examples of the same shares.
        gain: how much better B was.
        margin: how much worse it may be.
        n: examples so far.
        certain: whether no example told the two apart, so that there is nothing left to chance.
        most: examples at most; None is given beyond.

    >>> needed(lambda n: -1 / math.sqrt(n), 0.0, 0.05, 100)
    815
    """
    wider = 1.0 if certain else 1 + NormalDist().inv_cdf(POWER) / NormalDist().inv_cdf(LEVEL)

    def decides(count: float) -> bool:
        return (gain - least(count)) * wider <= abs(gain + margin)

    if not decides(most):
        return None
    low, high = n, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high - n


def _word(low: float, high: float, margin: float) -> Word:
    """Nothing follows from bounds that are not numbers."""
    if low > -margin:
        return "may"
    return "may not" if high < -margin else "too few"


def as_outputs(
    answers: Float[Tensor, "n *t k"], signature: Signature, /
) -> Float[Tensor, "n *t k"]:
    """What metrics take: logarithms of probabilities, which are logits; or values."""
    if signature.target == "classes":
        return answers.clamp(min=LEAST).log() - (1 - answers).clamp(min=LEAST).log()
    if signature.target != "class":
        return answers
    return answers.clamp(min=LEAST).log()


def chosen(answers: Float[Tensor, "n k"], /, *, several: bool) -> Int[Tensor, "n ..."]:
    """The class of each example; 0 or 1 for each where several may hold."""
    return (answers >= 0.5).long() if several else answers.argmax(1)


def right(answers: Float[Tensor, "n k"], targets: Tensor, /) -> Bool[Tensor, " n"]:
    """Which classes are named rightly; of several all."""
    several = targets.ndim == 2
    same = chosen(answers, several=several) == targets
    return same.all(1) if several else same


def whole(words: list[Word], /) -> Word:
    """The verdict of all margins together.

    >>> whole(["may", "too few"]), whole(["may", "may not", "too few"]), whole(["may", "may"])
    ('too few', 'may not', 'may')
    """
    return "may not" if "may not" in words else "too few" if "too few" in words else "may"
