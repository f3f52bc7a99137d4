"""Numbers as people read them: the same on the command line, in reports and in tables.

>>> percent(0.9833), size(247_301), seconds(0.000412), number(3.1e-7)
('98.3 %', '247 kB', '0.41 ms', '3.1e-7')
"""

import math


def percent(share: float, /, *, digits: int = 1) -> str:
    """A share of one in percent.

    >>> percent(1.0), percent(0.00042, digits=2)
    ('100.0 %', '0.04 %')
    """
    return f"{100 * share:.{digits}f} %" if math.isfinite(share) else "n/a"


def number(value: float, /) -> str:
    """Three significant digits, and no more zeros than are needed.

    >>> number(12), number(0.04125), number(1234567.0), number(float("nan")), number(0.0)
    ('12', '0.0413', '1,234,567', 'n/a', '0')
    """
    if not math.isfinite(value):
        return "n/a"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}".replace("e-0", "e-")
    return f"{value:.3g}"


def size(count: float, /) -> str:
    """Bytes, in steps of 1000.

    >>> size(12), size(999_700), size(1_500_000)
    ('12 B', '1 MB', '1.5 MB')
    """
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB" if count < 999.5 else f"{count:,.0f} GB"


def seconds(time: float, /) -> str:
    """A duration.

    >>> seconds(3.14), seconds(125), seconds(2e-6)
    ('3.1 s', '2 min 05 s', '2 µs')
    """
    if time >= 60:
        return f"{int(time) // 60} min {int(time) % 60:02d} s"
    if time >= 1:
        return f"{time:.1f} s"
    if time >= 1e-4:
        return f"{1e3 * time:.2g} ms" if time < 1e-2 else f"{1e3 * time:.0f} ms"
    return f"{1e6 * time:.0f} µs"


def metric(name: str, value: float, /) -> str:
    """A metric: rates in percent, everything else as a number.

    >>> metric("accuracy", 0.9833), metric("nll", 0.0713)
    ('98.3 %', '0.0713')
    """
    return percent(value) if name.removeprefix("valid/") in RATES else number(value)


RATES = frozenset(
    {"accuracy", "precision", "recall", "f1", "specificity", "balanced-accuracy", "ece"}
)
"""Metrics that read best in percent."""


def heading(name: str, /) -> str:
    """A metric's name in words.

    >>> heading("ece"), heading("balanced-accuracy")
    ('Calibration error', 'Balanced accuracy')
    """
    words = NAMES.get(name, name.replace("-", " "))
    return words[:1].upper() + words[1:]


NAMES = {
    "ece": "calibration error",
    "nll": "negative log-likelihood",
    "f1": "F1",
    "r2": "R²",
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
    "mape": "mean absolute percentage error",
    "roc-auc": "area under the ROC curve",
    "brier": "Brier score",
}
"""Metrics whose name is short for something."""
