"""Integrated gradients of LeNet-5 on digits, against captum at the same points of the integral.

The attributions must agree.
"""

from typing import Any

from benchmarks.case import Case, Timer
from benchmarks.digits_model import model_and_test, prepare

EXAMPLES, STEPS, REPEATS = 64, 50, 4


def _ours(clock: Timer) -> list[float]:
    from cartograd.frontier.explain.integrated_gradients import integrated_gradients

    model, x, y = model_and_test(EXAMPLES)
    return _timed(clock, lambda: integrated_gradients(model, x, target=y, steps=STEPS))


def _captum(clock: Timer) -> list[float]:
    return _with_captum(clock, None)


def _captum_in_parts(clock: Timer) -> list[float]:
    return _with_captum(clock, EXAMPLES * 4)


def _with_captum(clock: Timer, rows: int | None) -> list[float]:
    from captum.attr import IntegratedGradients

    model, x, y = model_and_test(EXAMPLES)
    explain = IntegratedGradients(model).attribute
    return _timed(
        clock,
        lambda: explain(
            x, target=y, n_steps=STEPS, method="gausslegendre", internal_batch_size=rows
        ),
    )


def _timed(clock: Timer, explain: Any) -> list[float]:
    explain()  # what is loaded lazily
    with clock(REPEATS * EXAMPLES):
        for _ in range(REPEATS):
            attribution = explain()
    return attribution.detach().flatten().tolist()


CASES = (
    Case(
        name="LeNet-5, digits",
        what=f"{EXAMPLES} images, {STEPS} points of Gauss-Legendre, float32. Captum sends all "
        "points of all images through the network at once unless told otherwise; the last side "
        "gives it a batch that fits the cache.",
        unit="image",
        sides={
            "cartograd": _ours,
            "captum": _captum,
            "captum, internal_batch_size": _captum_in_parts,
        },
        asked={"captum": 1.0},
        tolerance=1e-4,
        prepare=prepare,
    ),
)
