"""Which runs answer together: members are taken one by one, as long as they help.

Each step takes the run whose answers, averaged with those that are in, are best on the validation
examples, or in cross-validation where the runs were judged so; a run may be taken again, which
gives it a larger share. That is done for several draws of the examples with replacement, and all
that were taken are averaged, so that no few examples decide; other seeds of a run that was
cross-validated share what it counts. It pays where the average is better than the best run alone.
Where the metric looks at right answers alone, better is less loss: of a few examples one right
answer more is soon found among many averages.

References:
    Rich Caruana, Alexandru Niculescu-Mizil, Geoff Crew, Alex Ksikes. Ensemble selection from
    libraries of models. ICML 2004. https://doi.org/10.1145/1015330.1015432
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.auto.judged import Judged
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed, sign
from cartograd.core.spec import Spec
from cartograd.engine.files import bundle
from cartograd.engine.files.bundle import Bundle

STEPS, DRAWS = 8, 8
"""Most members of one draw, some of them several times; and draws of the examples."""

MOST = 12
"""Runs that are looked at, the best."""


def averaged(
    runs: Sequence[Path], judged: Judged, /
) -> tuple[dict[Path, int], tuple[float, float]] | None:
    """How often each run counts, and what they reach together; None where it does not pay.

    Args:
        runs: best first; those that read the data otherwise than the first are left out.
        judged: what measures them.
    """
    first = bundle.load(runs[0])
    alike = [run for run in runs if _alike(first, bundle.load(run))]
    if len(alike) < 2 or judged.signature.target not in ("class", "classes", "value"):
        return None
    crossed = [run for run in alike if judged.folds.answers(run) is not None]
    if not crossed:
        return _taken(alike[:MOST], judged)
    counts, score = _taken(crossed[:MOST], judged) or ({crossed[0]: 1}, judged.crossed(crossed[0]))
    counts = _seeded(counts, alike)
    return (counts, score) if score is not None and len(counts) > 1 else None


def _taken(
    alike: Sequence[Path], judged: Judged
) -> tuple[dict[Path, int], tuple[float, float]] | None:
    """Members taken one by one, as long as they help; None where the first is best alone."""
    said, targets = list[Tensor](), torch.zeros(0)
    for run in alike:
        outputs, targets = judged.folds.answers(run) or judged.answers(run, "valid")
        said.append(_shares(outputs.double(), judged))
    counts = Counter(_drawn(said, targets, judged))
    if len(counts) < 2:
        return None
    whole = torch.stack([count * said[at] for at, count in counts.items()]).sum(0) / counts.total()
    alone, best = (judged.of(_back(one, judged), targets) for one in (said[0], whole))
    least = math.gcd(*counts.values())
    found = {alike[at]: count // least for at, count in counts.most_common()}
    return (found, best) if judged.rank(best) > judged.rank(alone) else None


def _drawn(said: Sequence[Tensor], targets: Tensor, judged: Judged) -> Iterator[int]:
    """The members that some draws of the examples choose, one after the other."""
    generator, n = torch.Generator().manual_seed(0), len(targets)
    for _ in range(DRAWS):
        rows = torch.randint(n, (n,), generator=generator)
        with suppress(UsageError):  # a class that no example drawn has
            yield from _greedy([one[rows] for one in said], targets[rows], judged)


def _greedy(said: Sequence[Tensor], targets: Tensor, judged: Judged) -> list[int]:
    """Members taken one by one, the one that helps most, until none does."""
    chosen, whole, best = list[int](), torch.zeros_like(said[0]), None
    while len(chosen) < STEPS:
        tries = [
            judged.rank(judged.of(_back((whole + one) / (len(chosen) + 1), judged), targets))
            for one in said
        ]
        at = max(range(len(tries)), key=tries.__getitem__)
        if best is not None and tries[at] <= best:
            break
        chosen.append(at)
        whole, best = whole + said[at], tries[at]
    return chosen


def _seeded(counts: dict[Path, int], runs: Sequence[Path]) -> dict[Path, int]:
    """Members with other seeds of theirs, which share what each counts.

    >>> _seeded({Path("1-1"): 2, Path("1-2"): 1}, [Path("1-1"), Path("1-1-seed7"), Path("1-2")])
    {PosixPath('1-1'): 1, PosixPath('1-1-seed7'): 1, PosixPath('1-2'): 1}
    """
    seeds = {
        one: [run for run in runs if run == one or run.name.startswith(f"{one.name}-seed")]
        for one in counts
    }
    whole = math.lcm(*map(len, seeds.values()))
    made = {run: counts[one] * whole // len(some) for one, some in seeds.items() for run in some}
    least = math.gcd(*made.values())
    return {run: count // least for run, count in made.items()}


def together(counts: dict[Path, int], judged: Judged, /) -> Signed:
    """The model of the runs that answer together."""
    read: list[tuple[Bundle, int]] = [(bundle.load(run), n) for run, n in counts.items()]
    args: dict[str, Any] = {
        "members": tuple(str(one.spec) for one, _ in read),
        "shares": tuple(float(n) for _, n in read),
        "answers": judged.signature.target,
    }
    made = build(Spec("ensemble", args))
    for member, (one, _) in zip(made.members, read, strict=True):
        member.load_state_dict(one.model.model.state_dict())
    signed = sign(made, read[0][0].signature, spec=made.spec)
    signed.tokenizer = read[0][0].model.tokenizer
    return signed.eval()


def _alike(first: Bundle, other: Bundle) -> bool:
    """Whether two runs read the data in the same way and are made by name."""
    same = first.signature.inputs == other.signature.inputs
    words = (one.model.tokenizer for one in (first, other))
    read = {None if one is None else one.to_json() for one in words}
    return other.spec is not None and same and len(read) == 1


def _shares(outputs: Tensor, judged: Judged) -> Tensor:
    """Probabilities, or values, which may be averaged."""
    if judged.signature.target == "value":
        return outputs
    if judged.signature.target == "classes" or outputs.shape[1] == 1:
        return outputs.sigmoid()
    return outputs.softmax(1)


def _back(shares: Tensor, judged: Judged) -> Tensor:
    """As a model answers them: logits, or values."""
    if judged.signature.target == "value":
        return shares
    if judged.signature.target == "classes" or shares.shape[1] == 1:
        return shares.logit(eps=1e-12)
    return shares.clamp(min=1e-12).log()
