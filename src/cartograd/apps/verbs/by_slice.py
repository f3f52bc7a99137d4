"""How well a model does on groups of the examples, and whether that is worse than on the rest.

Each group is held against all other examples by the first metric. Both are estimates of their own,
so the difference's interval comes from theirs (Zou and Donner); that it holds for all groups of a
way at once, each is as much wider as there are groups (Bonferroni). Groups that were looked for in
the same examples may differ by chance more often than that says: name the slices beforehand.

    d -+ sqrt(reach(group)^2 + reach(rest)^2),   at level 1 - 0.05 / groups

References:
    Guang Yong Zou, Allan Donner. Construction of confidence limits about effect measures: a general
    approach. Statistics in Medicine 27, 2008. https://doi.org/10.1002/sim.3095
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from cartograd.apps.answers.decisions import probable
from cartograd.apps.report.slices import LEAST, Slices, named_slices
from cartograd.apps.results.by_slice import ALIKE, FEW, OfGroup
from cartograd.apps.results.evaluation import Evaluation
from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

Measure = Callable[..., float]
Measured = tuple[dict[str, float], dict[str, tuple[float, float]]]
OfThose = Callable[[Tensor, float], Measured]
"""Values and intervals of the metrics on some of the examples, at a level."""


def by_slice(ways: Sequence[Slices], measured: OfThose, /) -> tuple[OfGroup, ...]:
    """The figures of each group of each way to part the examples.

    Args:
        ways: to part them.
        measured: the metrics of those with these numbers.
    """
    return tuple(one for way in ways for one in _of(way, measured))


def sliced(
    found: Evaluation, names: Sequence[str], measures: Mapping[str, Measure], /
) -> Evaluation:
    """An evaluation with the figures of the groups that `names` part its examples into.

    Args:
        found: of all examples.
        names: of slices (`named_slices`).
        measures: the metrics of outputs and targets, by name.

    Raises:
        UsageError: a slice does not part these examples, or the metrics are none of outputs.
    """
    if not names:
        return found
    seen = found.seen
    if seen is None or not measures:
        raise UsageError("slices need a metric of outputs and right answers, and there is none")
    signature = seen.model.signature
    labels = signature.output.labels if signature.task.name == "classify" else ()
    ways = named_slices(seen.examples, names, labels, root=_folder(seen.data))
    parted(ways)
    return replace(found, slices=by_slice(ways, _measurer(found, signature, measures)))


def _folder(data: str) -> Path | None:
    """The folder that examples were read from, where they were."""
    spec = Spec.parse(data) if data else None
    path = Path(str(spec.subject or spec.name) if spec else "")
    return path if spec and path.is_dir() else None


def _measurer(found: Evaluation, signature: Signature, measures: Mapping[str, Measure]) -> OfThose:
    """Measures some of the examples; metrics that are not defined of them are left out."""
    from cartograd.practice.metrics import positions
    from cartograd.practice.metrics.interval import doubted

    port, task = signature.output, signature.task
    outputs, targets = found.outputs, found.targets
    seen = {name: probable(one, outputs, port) for name, one in measures.items()}

    def measured(those: Tensor, level: float) -> Measured:
        if task.each and all(map(positions.reducible, measures.values())):
            values, ends, _ = positions.figures(measures, outputs[those], level=level)
            return values, ends
        values, ends = {}, {}
        for name, measure in measures.items():
            given = seen[name][those], targets[those]
            try:
                values[name] = float(measure(*given))
                ends[name], _ = doubted(measure, *given, level=level)
            except UsageError:  # one class alone cannot be ranked, say
                values.pop(name, None)
        return values, ends

    return measured


def _of(way: Slices, measured: OfThose) -> list[OfGroup]:
    count = way.group.bincount(minlength=len(way.names)).tolist()
    told = [at for at, n in enumerate(count) if n >= LEAST and len(way.group) - n >= LEAST]
    found = []
    for at, name in enumerate(way.names):
        n = int(count[at])
        if n < LEAST:
            if n:
                found.append(OfGroup(way.name, name, n))
            continue
        own = (way.group == at).nonzero()[:, 0]
        values, ends = measured(own, 0.95)
        judged, apart, verdict = "", None, FEW
        if at in told and values:
            rest = (way.group != at).nonzero()[:, 0]
            judged, apart, verdict = _held(own, rest, measured, 1 - 0.05 / len(told))
        found.append(OfGroup(way.name, name, n, values, ends, judged, apart, verdict))
    return found


def _held(
    own: Tensor, rest: Tensor, measured: OfThose, level: float
) -> tuple[str, tuple[float, float, float] | None, str]:
    """By which metric, how far apart, and what that says."""
    (here, ends), (there, others) = measured(own, level), measured(rest, level)
    name = next((name for name in here if name in there), "")
    if not name or not all(map(math.isfinite, (here[name], there[name]))):
        return "", None, FEW
    value, (low, high) = here[name], ends[name]
    other, (least, most) = there[name], others[name]
    d = value - other
    down, up = math.hypot(value - low, most - other), math.hypot(high - value, other - least)
    apart = (d, d - down, d + up)
    if apart[1] > 0 or apart[2] < 0:
        return name, apart, _surely(name, d > 0)
    return name, apart, ALIKE


def _surely(name: str, higher: bool) -> str:
    """What being higher or lower means; of a function of the user's own only that it is so."""
    known = registry.lookup(Spec.parse(name).name, kind="metric")
    if not known:
        return "higher" if higher else "lower"
    return "better" if higher == (known[0][0].better == "higher") else "worse"


def parted(ways: Sequence[Slices], /) -> None:
    """Refuse a way that leaves no group to be held against others.

    Raises:
        UsageError: all examples are of one group, or all groups are too small.
    """
    for way in ways:
        count = way.group.bincount(minlength=len(way.names))
        if int((count >= LEAST).sum()) == 0 or int((count > 0).sum()) < 2:
            sizes = ", ".join(
                f"{name} {int(n)}" for name, n in zip(way.names, count, strict=True) if n
            )
            raise UsageError(
                f"slices={way.name} does not part these examples into groups of {LEAST} or more: "
                f"{sizes}"
            )
