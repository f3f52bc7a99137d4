"""Run a claim's experiment: each seed by itself, then the verdict by the claim's own rule."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.design import digest, now
from cartograd.evidence.kept_seeds import KeptSeeds
from cartograd.evidence.verdict import Check, Finding, judge

Measure = Callable[[int], Measured]


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes:
        claim: what was tested.
        seeds: those that were run.
        figures: by name, a number for each seed.
        curves: by name, a curve for each seed.
        findings: what each check of the rule found.
        verdict: `holds`, `does not hold`, `contested` or `undecided`.
        cpu: seconds of processor time.
        design: the digest of the rule and design that it was run under; empty of an experiment
            that was handed in.
        started: when, UTC to the minute.
    """

    claim: Claim
    seeds: tuple[int, ...]
    figures: dict[str, list[float]]
    curves: dict[str, list[Curve]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    verdict: str = ""
    cpu: float = 0.0
    design: str = ""
    started: str = ""

    def to_json(self, *, curves: bool = True) -> dict[str, Any]:
        """The outcome as JSON types; what is not finite becomes null."""
        found = {
            "claim": self.claim.to_json(),
            "verdict": self.verdict,
            "findings": [finding.to_json() for finding in self.findings],
            "design": self.design,
            "started": self.started,
            "seeds": list(self.seeds),
            "figures": self.figures,
            "cpu_seconds": round(self.cpu, 1),
        }
        if curves:
            found["curves"] = {
                name: [curve._asdict() for curve in each] for name, each in self.curves.items()
            }
        return _finite(found)


def run(
    claim: Claim,
    /,
    *,
    seeds: Sequence[int] | None = None,
    measure: Measure | None = None,
    design: str | None = None,
    kept: KeptSeeds | None = None,
    said: Callable[[str], object] = lambda _: None,
) -> Outcome:
    """Measure for each seed, and judge.

    One thread computes, so that the numbers do not depend on how many cores there are; the random
    state and the number of threads are those of before at the end.

    Args:
        claim: what to test.
        seeds: by default those of the claim. With fewer the intervals are wider.
        measure: the experiment, by default that of the claim's file.
        design: the digest of one that was handed in.
        kept: what each seed gave, from a run that was stopped, and for the next.
        said: told of each seed when it is done.

    Raises:
        UsageError: there are no seeds, one is negative or given twice, or data are missing.
    """
    chosen = chosen_seeds(claim, seeds)
    checks = [Check.parse(text) for text in (*claim.rule, *claim.requires)]
    design = design or (digest(claim) if measure is None else "")
    started = now()
    experiment: Measure = measure or import_module(claim.module).measure
    threads, start = torch.get_num_threads(), time.process_time()
    each: list[Measured] = []
    torch.set_num_threads(1)
    try:
        for seed in chosen:
            if kept is not None and seed in kept.known:
                each.append(kept.known[seed])
                said(f"seed {seed}: {_line(each[-1], checks)} (kept from the run that was stopped)")
                continue
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                each.append(experiment(seed))
            if kept is not None:
                kept.add(seed, each[-1])
            said(f"seed {seed}: {_line(each[-1], checks)}")
    finally:
        torch.set_num_threads(threads)
    figures: dict[str, list[float]] = {}
    curves: dict[str, list[Curve]] = {}
    for found in each:
        for name, value in found.items():
            if isinstance(value, Curve):
                curves.setdefault(name, []).append(value)
            else:
                figures.setdefault(name, []).append(float(value))
    rule = {"decide": claim.decide, "exact": claim.exact, "requires": claim.requires}
    verdict, findings = judge(claim.rule, figures, **rule)
    cpu = time.process_time() - start
    return Outcome(claim, chosen, figures, curves, findings, verdict, cpu, design, started)


def chosen_seeds(claim: Claim, seeds: Sequence[int] | None, /) -> tuple[int, ...]:
    """The seeds that are run: those that were asked for, or the claim's.

    Raises:
        UsageError: there are none, one is negative or given twice.
    """
    if claim.exact:
        return (0,)
    chosen = tuple(range(claim.first, claim.first + claim.seeds) if seeds is None else seeds)
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise UsageError(f"seeds {list(chosen)} are not distinct numbers from 0 on, at least one")
    return chosen


def _line(found: Measured, checks: Sequence[Check]) -> str:
    names = dict.fromkeys(name for check in checks for name in check.figures(list(found)))
    return ", ".join(f"{name} {found[name]:.4g}" for name in names)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
