"""A row on half precision: what products of 16 bits do to the accuracy of a small network."""

from acceptance.session import Outcome, Ran, Session, percent

SEEDS = range(5, 17)
"""Of this row. A first run, of the seeds 0 to 4, could not tell: see `EARLIER`. One test picture
is 0.28 points, and differences of pairs spread by 0.9; twelve tell them to 0.6."""

EARLIER = (
    "A first run, of the seeds 0 to 4, was too small to tell: bfloat16 less float32 was -0.39 "
    "points (-1.53 to +0.75), float16 +0.28 (-0.46 to +1.01). The bound stayed; the seeds are "
    "others, and more."
)

WITHIN = 1.5
"""Points that the whole interval of the mean difference may be from zero."""

COMMAND = "cartograd train lenet5 --data digits --epochs 12 --set seed=SEED precision={precision}"
HALVES = {"bf16": "bf16-emulated", "fp16, its loss scaled": "fp16-emulated"}


def half_precision(session: Session, /) -> Outcome:
    """LeNet-5 on the digits in float32, bfloat16 and float16, each from the same starts."""
    whole = [session.train(COMMAND.format(precision="float32"), seed) for seed in SEEDS]
    halves = {
        name: [session.train(COMMAND.format(precision=precision), seed) for seed in SEEDS]
        for name, precision in HALVES.items()
    }
    gains = {name: _differences(runs, whole) for name, runs in halves.items()}
    spans = {name: _interval(each) for name, each in gains.items()}
    other = all(
        ours.said["digest"] != theirs.said["digest"]
        for runs in halves.values()
        for ours, theirs in zip(runs, whole, strict=True)
    )
    return Outcome(
        claim="LeNet-5 on the embedded digits in half precision",
        command=COMMAND.format(precision="bf16-emulated"),
        measured=[percent(run.metric("accuracy")) for run in halves["bf16"]],
        asked=f"in bfloat16 and in float16 the 95 % interval of the mean difference from float32 "
        f"over {len(SEEDS)} seeds within {WITHIN:g} points of zero, and other weights",
        passed=all(low > -WITHIN and high < WITHIN for low, high in spans.values()) and other,
        beside={
            "float32": _shown(whole),
            **{name: _shown(runs) for name, runs in halves.items()},
            **{
                f"{name} less float32": f"{sum(gains[name]) / len(SEEDS):+.2f} points "
                f"({low:+.2f} to {high:+.2f} over seeds)"
                for name, (low, high) in spans.items()
            },
            "steps left out because a gradient overflowed": "; ".join(
                f"{name}: " + ", ".join(str(run.said["skipped"]) for run in runs)
                for name, runs in halves.items()
            ),
        },
        cpu=[run.cpu for run in halves["bf16"]],
        wall=[run.wall for run in halves["bf16"]],
        notes=[
            "Emulated on a processor without such arithmetic: accuracies are claimed, times are "
            "not. float32 took " + ", ".join(f"{run.cpu:.0f}" for run in whole) + " CPU seconds.",
            EARLIER,
        ],
    )


def _differences(ours: list[Ran], theirs: list[Ran]) -> list[float]:
    """Points of accuracy, seed by seed."""
    return [
        100 * (one.metric("accuracy") - other.metric("accuracy"))
        for one, other in zip(ours, theirs, strict=True)
    ]


def _interval(gains: list[float]) -> tuple[float, float]:
    """Student's 95 % interval of the mean."""
    import statistics

    from scipy.stats import t

    mean = statistics.mean(gains)
    half = float(t.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains) / len(gains) ** 0.5
    return mean - half, mean + half


def _shown(runs: list[Ran]) -> str:
    return ", ".join(f"{percent(run.metric('accuracy')):.2f} %" for run in runs)
