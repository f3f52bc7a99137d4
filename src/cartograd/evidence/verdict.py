"""From figures per seed to a verdict: intervals, checks, and what they say together.

The seed is the unit: each gives one figure, already paired (both arms of a comparison start from
the same seed and see the same data), and the interval is over seeds. A check compares that
interval with a bound:

    mean gain > 0         the mean over seeds, Student's t
    ratio a/b > 3         the geometric mean: Student's t on the logarithms
    share diverged < 0.5  the share of seeds with a figure other than 0, Wilson's score interval
    every gap < 1e-12     the worst seed, for identities; no interval

It holds if the whole 95 % interval is on the side that is claimed, fails if the whole of it is on
the other, and is open otherwise. That a thing is as large as another is claimed by two checks that
put the interval within a margin (two one-sided tests, at 2.5 % each); that an interval contains
zero shows nothing.

References:
    Donald Schuirmann. A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability. 1987. https://doi.org/10.1007/BF01068419
"""

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cartograd.core.errors import UsageError

HOLDS, FAILS, OPEN = "holds", "fails", "open"
VERDICTS = {HOLDS: "holds", FAILS: "does not hold", OPEN: "contested"}
_CHECK = re.compile(r"(mean|ratio|share|every) (\S.*?) (<=|>=|<|>) (\S+)")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it.

    Attributes:
        value: the estimate.
        low, high: the interval; both equal to the value where there is none.
        method: how it was made.
    """

    value: float
    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Check:
    """One comparison of a rule.

    >>> Check.parse("mean gain > 0")
    Check(how='mean', figure='gain', sign='>', bound=0.0)
    """

    how: str
    figure: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str, /) -> "Check":
        """Read the text form.

        Raises:
            UsageError: it is not `HOW FIGURE SIGN BOUND`.
        """
        match = _CHECK.fullmatch(text)
        if match is None:
            raise UsageError(f"{text!r} is not a check; expected e.g. 'mean gain > 0'")
        return cls(match[1], match[2], match[3], float(match[4]))


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        check: its text.
        value, low, high, method: see `Interval`.
        state: `holds`, `fails` or `open`.
    """

    check: str
    value: float
    low: float
    high: float
    method: str
    state: str

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON types."""
        return asdict(self)


def mean(values: Sequence[float], /, *, level: float = 0.95) -> Interval:
    """The mean and Student's interval, which takes the figures of seeds as normal.

    >>> found = mean([1.0, 2.0, 3.0])
    >>> [round(number, 3) for number in (found.value, found.low, found.high)]
    [2.0, -0.484, 4.484]
    """
    from scipy import stats

    n = len(values)
    method = f"mean of {n} seeds, Student's t, {level:.0%}"
    if not all(map(math.isfinite, values)):
        return Interval(math.nan, -math.inf, math.inf, method)
    value = math.fsum(values) / n
    if n < 2:
        return Interval(value, -math.inf, math.inf, "one seed: no interval")
    spread = math.sqrt(math.fsum((one - value) ** 2 for one in values) / (n - 1) / n)
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * spread
    return Interval(value, value - reach, value + reach, method)


def ratio(values: Sequence[float], /, *, level: float = 0.95) -> Interval:
    """The geometric mean of positive figures and its interval, by Student's t on the logarithms."""
    method = f"geometric mean of {len(values)} seeds, Student's t on logarithms, {level:.0%}"
    if not all(0 < one < math.inf for one in values):
        return Interval(math.nan, 0.0, math.inf, method)
    found = mean([math.log(one) for one in values], level=level)
    value, low, high = (math.exp(min(one, 700.0)) for one in (found.value, found.low, found.high))
    return Interval(value, low, high, method if len(values) > 1 else found.method)


def share(values: Sequence[float], /, *, level: float = 0.95) -> Interval:
    """The share of figures other than 0, and Wilson's interval."""
    from cartograd.practice.metrics.interval import wilson

    hits = sum(bool(one) for one in values)
    limits = wilson(hits, len(values), level=level)
    return Interval(
        hits / len(values), *limits, f"{hits} of {len(values)} seeds, Wilson, {level:.0%}"
    )


def judge(
    rule: Sequence[str],
    figures: dict[str, list[float]],
    /,
    *,
    decide: Literal["all", "majority"] = "all",
    exact: bool = False,
) -> tuple[str, list[Finding]]:
    """The verdict and what each check found.

    With `all` the verdict is `holds` if every check holds and `does not hold` if one fails; with
    `majority` it is what more than half of the checks say. Anything else is `contested`: the
    figures do not decide, or the checks disagree.

    Args:
        rule: the checks.
        figures: by name, one number for each seed.
        decide: see above.
        exact: nothing was random: the one figure is compared, without an interval.
    """
    findings = [_examine(text, figures, exact) for text in rule]
    states = [finding.state for finding in findings]
    if decide == "all":
        state = FAILS if FAILS in states else OPEN if OPEN in states else HOLDS
    else:
        state = next((one for one in (HOLDS, FAILS) if states.count(one) * 2 > len(states)), OPEN)
    return VERDICTS[state], findings


def _examine(text: str, figures: dict[str, list[float]], exact: bool) -> Finding:
    check = Check.parse(text)
    values, ahead = figures[check.figure], _SIGNS[check.sign]
    if exact or check.how == "every":
        found = _worst(values, check, exact)
    else:
        found = {"mean": mean, "ratio": ratio, "share": share}[check.how](values)
    sides = [ahead(side, check.bound) for side in (found.low, found.high)]
    state = HOLDS if all(sides) else OPEN if any(sides) else FAILS
    return Finding(text, found.value, found.low, found.high, found.method, state)


def _worst(values: Sequence[float], check: Check, exact: bool) -> Interval:
    """The figure that is hardest on the check; one that is not a number is on no side."""
    value = max(values) if check.sign.startswith("<") else min(values)
    if any(map(math.isnan, values)):
        value = math.inf if check.sign.startswith("<") else -math.inf
    method = "exact" if exact else f"worst of {len(values)} seeds"
    return Interval(value, value, value, method)
