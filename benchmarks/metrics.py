"""The metrics of a classifier over a pass of the data, batch by batch, against torchmetrics.

Both sides are given the same logits and classes, as they come out of a model in evaluation, and
answer with the same figures. torchmetrics' collection is as shipped: metrics that rest on the same
counts share them. Its precision, recall and F1 are macro averages over the classes, as ours.
"""

from typing import Any

from benchmarks.case import Case, Timer

NAMES = (
    *("accuracy", "precision:average=macro", "recall:average=macro", "f1:average=macro"),
    *("matthews", "ece"),
)


def _batches(n: int, k: int, size: int) -> list[tuple[Any, Any]]:
    import torch

    draw = torch.Generator().manual_seed(5)
    targets = torch.randint(k, (n,), generator=draw)
    outputs = torch.randn(n, k, generator=draw)
    outputs[torch.arange(n), targets] += 2
    return list(zip(outputs.split(size), targets.split(size), strict=True))


def _ours(n: int, k: int, size: int, names: tuple[str, ...]) -> Any:
    def side(clock: Timer) -> list[float]:
        from cartograd.practice.metrics.meter import Meter

        batches = _batches(n, k, size)
        _pass(Meter(*names), batches[:2])  # what is loaded lazily
        meter = Meter(*names)
        with clock(1):
            return list(_pass(meter, batches).values())

    return side


def _torchmetrics(n: int, k: int, size: int, ranked: bool) -> Any:
    def side(clock: Timer) -> list[float]:
        from torchmetrics import MetricCollection
        from torchmetrics import classification as of

        def every() -> Any:
            counted = {
                "accuracy": of.MulticlassAccuracy(k, average="micro"),
                "precision": of.MulticlassPrecision(k, average="macro"),
                "recall": of.MulticlassRecall(k, average="macro"),
                "f1": of.MulticlassF1Score(k, average="macro"),
                "matthews": of.MulticlassMatthewsCorrCoef(k),
                "ece": of.MulticlassCalibrationError(k, n_bins=15, norm="l1"),
            }
            scores = {
                "roc-auc": of.MulticlassAUROC(k),
                "average-precision": of.MulticlassAveragePrecision(k),
            }
            return MetricCollection(scores if ranked else counted)

        batches = _batches(n, k, size)
        _pass(every(), batches[:2])
        meter = every()
        with clock(1):
            found = _pass(meter, batches)
        names = ("roc-auc", "average-precision") if ranked else _ORDER
        return [float(found[name]) for name in names]

    return side


_ORDER = ("accuracy", "precision", "recall", "f1", "matthews", "ece")


def _pass(meter: Any, batches: list[tuple[Any, Any]]) -> Any:
    for outputs, targets in batches:
        meter.update(outputs, targets)
    return meter.finish() if hasattr(meter, "finish") else meter.compute()


CASES = (
    Case(
        name="ten classes",
        what="Accuracy, precision, recall, F1, the Matthews correlation and the calibration error "
        "of 50,000 examples of 10 classes, batches of 256.",
        unit="pass",
        sides={
            "cartograd": _ours(50_000, 10, 256, NAMES),
            "torchmetrics": _torchmetrics(50_000, 10, 256, False),
        },
        asked={"torchmetrics": 3.0},
        tolerance=1e-5,
    ),
    Case(
        name="a thousand classes",
        what="The same of 20,000 examples of 1,000 classes.",
        unit="pass",
        sides={
            "cartograd": _ours(20_000, 1000, 256, NAMES),
            "torchmetrics": _torchmetrics(20_000, 1000, 256, False),
        },
        asked={"torchmetrics": 3.0},
        tolerance=1e-5,
    ),
    Case(
        name="rankings",
        what="ROC AUC and average precision of 50,000 examples of 10 classes, each against the "
        "rest, exact.",
        unit="pass",
        sides={
            "cartograd": _ours(50_000, 10, 256, ("roc-auc", "average-precision")),
            "torchmetrics": _torchmetrics(50_000, 10, 256, True),
        },
        tolerance=1e-5,
    ),
)
