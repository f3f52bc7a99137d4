"""Forecasts as a picture: what was, the steps to come, and the band that is to hold them."""

from pathlib import Path

from matplotlib.figure import Figure

from cartograd.apps.answers.forecast import Series
from cartograd.apps.report.png import write
from cartograd.apps.report.theme import BLUE, LINE, MUTED
from cartograd.apps.results.answers import Answers
from cartograd.core.errors import UsageError

MOST = 12
"""Series in a picture."""

PAST = 4
"""Horizons of the past that are shown, or `LEAST` steps if these are more."""
LEAST = 40


def check_picture(out: Path, /) -> None:
    """Refuse another file than a picture.

    Raises:
        UsageError: it does not end in .png.
    """
    if out.suffix.lower() != ".png":
        raise UsageError(f"{out} would be of an unknown kind; expected a .png file")


def forecast_picture(out: Path, answers: Answers, name: str, /) -> Path:
    """Write the picture: a panel for each series.

    Args:
        out: a .png file; an older one is replaced.
        answers: of a model of series.
        name: of what is forecast.

    Raises:
        UsageError: the file cannot be written.
    """
    check_picture(out)
    shown = [(said, one) for said, one in answers.named if isinstance(one, Series)][:MOST]
    figure = Figure(figsize=(8, 2.8 * len(shown)), layout="constrained")
    for (said, one), axes in zip(
        shown, figure.subplots(len(shown), 1, squeeze=False)[:, 0], strict=True
    ):
        past = one.past[-max(LEAST, PAST * len(one.middle)) :]
        steps = list(range(1, len(one.middle) + 1))
        axes.plot(range(1 - len(past), 1), past, color=MUTED)
        axes.fill_between(steps, one.low, one.high, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot([0, *steps] if past else steps, [*past[-1:], *one.middle], color=BLUE)
        axes.set_title(said, fontsize=10)
        axes.set_ylabel(name)
        if one.times:
            axes.set_xticks([1, len(steps)], [one.times[0], one.times[-1]])
        axes.grid(axis="y", color=LINE)
    return write(figure, out)
