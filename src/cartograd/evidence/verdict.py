"""From figures per seed to a verdict: intervals, checks, and what they say together.

A seed gives one figure, already paired (both arms of a comparison start from the same seed and see
the same data). The unit of an interval is the seed; where a statement speaks of tasks ("usually",
"across tasks") it is the task, whose figure is the mean over seeds. A check compares the interval
with a bound:

    mean gain > 0         the mean over seeds, Student's t
    ratio a/b > 3         the geometric mean: Student's t on the logarithms
    share diverged < 0.5  the share of seeds with a figure other than 0, Wilson's score interval
    every gap < 1e-12     the worst seed, for identities; no interval
    tasks gain > 0        the mean over tasks, Student's t: of the figures `gain: TASK`
    most gain > 0         the share of tasks with a mean above 0, Wilson: more than half of them

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cartograd.core.errors import UsageError
from cartograd.evidence.estimate import Interval, mean, ratio, share

HOLDS, FAILS, OPEN = "holds", "fails", "open"
CONTESTED, UNDECIDED = "contested", "undecided"
VERDICTS = ("holds", "does not hold", CONTESTED, UNDECIDED)
Decide = Literal["all", "majority", "each"]
HALF = 0.5
_CHECK = re.compile(r"(mean|ratio|share|every|tasks|most) (\S.*?) (<=|>=|<|>) (\S+)")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


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

    def figures(self, names: Sequence[str], /) -> list[str]:
        """Those of the names that the check speaks of: one, or one for each task."""
        if self.how not in ("tasks", "most"):
            return [self.figure]
        return [name for name in names if name.startswith(f"{self.figure}: ")]


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        check: its text.
        value, low, high, method, reach: see `Interval`.
        state: `holds`, `fails` or `open`.
        needed: it is not a check of the rule but one that has to hold before there is a verdict.
    """

    check: str
    value: float
    low: float
    high: float
    method: str
    reach: float | None
    state: str
    needed: bool = False

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON types."""
        return asdict(self)


def judge(
    rule: Sequence[str],
    figures: Mapping[str, Sequence[float]],
    /,
    *,
    decide: Decide = "all",
    exact: bool = False,
    requires: Sequence[str] = (),
) -> tuple[str, list[Finding]]:
    """The verdict and what each check found.

    `all`: `holds` if every check holds, `does not hold` if one fails. `majority`: what more than
    half of the checks say. `each`: every check is a cell of a table with a verdict of its own, and
    the whole holds, or does not, if all cells do. Where that gives neither, the verdict is
    `contested` if some checks hold and others fail, and `undecided` if it is for want of evidence
    that they are open. It is undecided, too, if the experiment did not do what it was to do.

    Args:
        rule: the checks.
        figures: by name, one number for each seed.
        decide: see above.
        exact: nothing was random: the one figure is compared, without an interval.
        requires: checks that have to hold before the rule is asked, such as that the arm that is
            known to break does.
    """
    findings = [_examine(text, figures, exact, needed=False) for text in rule]
    needed = [_examine(text, figures, exact, needed=True) for text in requires]
    states = [finding.state for finding in findings]
    verdict = _verdict(states, decide)
    if any(finding.state != HOLDS for finding in needed):
        verdict = UNDECIDED
    return verdict, findings + needed


def _verdict(states: list[str], decide: Decide) -> str:
    enough = {"all": len(states), "each": len(states), "majority": len(states) // 2 + 1}[decide]
    fewest = {"all": 1, "each": len(states), "majority": enough}[decide]
    if states.count(FAILS) >= fewest:
        return "does not hold"
    if states.count(HOLDS) >= enough:
        return "holds"
    return CONTESTED if {HOLDS, FAILS} <= set(states) else UNDECIDED


def _examine(
    text: str, figures: Mapping[str, Sequence[float]], exact: bool, *, needed: bool
) -> Finding:
    check = Check.parse(text)
    found, bound = _found(check, figures, exact)
    ahead = _SIGNS[check.sign if check.how != "most" else ">"]
    sides = [ahead(side, bound) for side in (found.low, found.high)]
    state = HOLDS if all(sides) else OPEN if any(sides) else FAILS
    return Finding(
        text, found.value, found.low, found.high, found.method, found.reach, state, needed
    )


def _found(
    check: Check, figures: Mapping[str, Sequence[float]], exact: bool
) -> tuple[Interval, float]:
    """The estimate and what it is compared with."""
    each = [figures[name] for name in check.figures(list(figures))]
    if not each:
        raise UsageError(f"no figure is named '{check.figure}: TASK'; the check speaks of tasks")
    if check.how in ("tasks", "most"):
        tasks = [math.fsum(values) / len(values) for values in each]
        if check.how == "tasks":
            return mean(tasks, unit="tasks"), check.bound
        better = [_SIGNS[check.sign](value, check.bound) for value in tasks]
        return share(better, bound=HALF, unit="tasks"), HALF
    (values,) = each
    if exact or check.how == "every":
        return _worst(values, check, exact), check.bound
    if check.how == "share":
        return share(values, bound=check.bound), check.bound
    return {"mean": mean, "ratio": ratio}[check.how](values), check.bound


def _worst(values: Sequence[float], check: Check, exact: bool) -> Interval:
    """The figure that is hardest on the check; one that is not a number is on no side."""
    value = max(values) if check.sign.startswith("<") else min(values)
    if any(map(math.isnan, values)):
        value = math.inf if check.sign.startswith("<") else -math.inf
    method = "exact" if exact else f"worst of {len(values)} seeds"
    return Interval(value, value, value, method)
