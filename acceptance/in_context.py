"""Row on a Transformer that fits linear functions to the examples before it, without training."""

import time

import cartograd as cg
from acceptance.session import Outcome, Session
from cartograd.architectures.transformer.in_context import Shots, excess

COMMAND = 'cg.build("in-context-regression:depth=DEPTH,seed=SEED")()  # in Python'
DEPTHS = (1, 2, 3)
NEAR, FAR, NOTHING = 10.0, 30.0, 80.0
"""Percent of what pairs tell by which three blocks may be above the best, one block has to be, and
weights that were hardly trained have to be."""


def in_context_regression(session: Session, /) -> Outcome:
    """Errors on functions that were never seen, beside the posterior mean's, by depth."""
    found: dict[int, list[tuple[Shots, ...]]] = {depth: [] for depth in DEPTHS}
    cpu, wall = [], []
    for seed in session.seeds:
        start = time.process_time(), time.perf_counter()
        for depth in DEPTHS:
            found[depth].append(cg.build(f"in-context-regression:depth={depth},seed={seed}")())
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    above = {depth: [round(100 * excess(one), 1) for one in own] for depth, own in found.items()}
    still = [
        round(100 * excess(cg.build(f"in-context-regression:steps=1,seed={seed}")()), 1)
        for seed in session.seeds
    ]
    last = [own[-1] for own in found[3]]
    return Outcome(
        claim="A small Transformer learns linear regression in context, near least squares",
        command=COMMAND,
        measured=above[3],
        unit="% above the best",
        asked=(
            f"with three blocks at most {NEAR:g} % above the posterior mean, of what the pairs "
            f"tell (mean of one to eight pairs); with one block at least {FAR:g} %, and at least "
            f"{NOTHING:g} % after a single step of training"
        ),
        passed=max(above[3]) <= NEAR and min(above[1]) >= FAR and min(still) >= NOTHING,
        beside={
            "one block": _listed(above[1]),
            "two blocks": _listed(above[2]),
            "after one step": _listed(still),
            "error after eight pairs": ", ".join(f"{one.error:.3f}" for one in last),
            "least squares (ridge) there": ", ".join(f"{one.best:.3f}" for one in last),
            "always 0 there": ", ".join(f"{one.zero:.3f}" for one in last),
        },
        cpu=cpu,
        wall=wall,
        notes=[
            "Two features, noise 0.5, 1500 steps of 64 functions each; 2048 functions that were "
            "never seen are tested. A larger budget would take more features: the paper's twenty "
            "need 500,000 steps."
        ],
    )


def _listed(numbers: list[float]) -> str:
    return ", ".join(f"{number:.1f} %" for number in numbers)
