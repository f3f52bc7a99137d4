"""Training curves: what fell and what rose, epoch by epoch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, chart
from cartograd.apps.report.theme import BLUE, GOLD, MUTED, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WORDS = {"train": "training", "valid": "validation"}


def curves(
    history: Sequence[dict[str, Any]], /, *, best: int | None = None, stopped: str | None = None
) -> Section | None:
    """Loss, and the first validation metric, over the epochs.

    Args:
        history: one record per epoch, as a run keeps it.
        best: the epoch whose weights were kept.
        stopped: why training ended before its last epoch, if it did.
    """
    if not history:
        return None
    usual = [key for key in ("train/loss", "valid/loss") if _line(history, key)]
    losses = usual or [key for key in history[0] if _is_of_a_player(key) and _line(history, key)]
    metrics = [key for key in history[0] if _is_metric(key) and _line(history, key)][:1]
    losses, metrics = _with_central(history, losses), _with_central(history, metrics)
    panels = [panel for panel in (losses, metrics) if panel]
    if not panels:
        return None

    def paint(figure: "Figure") -> None:
        all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, keys in zip(all_axes, panels, strict=True):
            _panel(axes, history, keys, best)

    alt = f"Training curves over {len(history)} epochs: " + "; ".join(
        f"{_word(key)} {_name(key)} from {_show(key, line[0][1])} to {_show(key, line[-1][1])}"
        for key in losses + metrics
        if (line := _line(history, key))
    )
    drawing = draw("curves", (400 * len(panels) + 60, 300), paint, alt=alt)
    return Section(
        "curves",
        "Training curves",
        _lead(history, best, stopped),
        chart(drawing, twin=[_twin(history)]),
    )


def _lead(history: Sequence[dict[str, Any]], best: int | None, stopped: str | None) -> str:
    time = sum(record.get("seconds", 0.0) for record in history)
    lead = f"{len(history)} epoch{'s' * (len(history) > 1)} in {units.seconds(time)}."
    if best is not None and len(history) > 1:
        lead += f" The weights of epoch {best} were kept, where validation was best."
    if stopped:
        reason = {"early": "nothing improved any more", "interrupted": "it was interrupted"}
        lead += f" Training ended before its last epoch: {reason.get(stopped, stopped)}."
    return lead


def _panel(
    axes: "Axes", history: Sequence[dict[str, Any]], keys: list[str], best: int | None
) -> None:
    from matplotlib.ticker import MaxNLocator

    ends = []
    for key in keys:
        colour = MUTED if key.startswith("train/") else GOLD if "/central/" in key else BLUE
        line = dict(_line(history, key))
        epochs, values = list(line), list(line.values())
        axes.plot(epochs, values, color=colour, marker="o", markersize=4 if len(values) < 25 else 0)
        ends.append((values[-1], _word(key), colour))
        kept = best is not None and key.count("/") == 1 and key.startswith("valid/")
        if kept and best in line and len(line) > 1:
            axes.plot([best], [line[best]], "o", color=GOLD, markersize=8, zorder=5)
            axes.annotate(
                "kept", (best, line[best]), (0, 9),
                textcoords="offset points", ha="center", color=GOLD,
            )  # fmt: skip
    _scale(axes, keys, [value for key in keys for _, value in _line(history, key)])
    axes.set_title(units.heading(_name(keys[0])))
    axes.set_xlabel("epoch")
    epochs = [epoch for epoch, _ in _line(history, keys[0])]
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlim(epochs[0] - 0.3, epochs[-1] + 0.3)
    quiet(axes)
    label_ends(axes, ends)


def _scale(axes: "Axes", keys: list[str], values: list[float]) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator

    if keys[0].endswith("loss") and min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: units.number(value))
        axes.yaxis.set_minor_formatter(lambda *_: "")
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6))
    if units.unit(keys[0]) == "%":
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")


def label_ends(axes: "Axes", ends: list[tuple[float, str, str]], /) -> None:
    """Write each line's name at its right end, apart from each other.

    Args:
        axes: with its lines drawn and its scale set.
        ends: last value, name and colour of each line.
    """
    axes.autoscale_view()
    to_axes = axes.transData + axes.transAxes.inverted()
    height, gap = -1.0, 0.085
    for value, name, colour in sorted(ends):
        height = max(float(to_axes.transform((0, value))[1]), height + gap)
        axes.annotate(
            name, (1, height), (6, 0), xycoords="axes fraction", textcoords="offset points",
            color=colour, va="center",
        )  # fmt: skip


def _line(history: Sequence[dict[str, Any]], key: str) -> list[tuple[int, float]]:
    return [(record["epoch"], record[key]) for record in history if record.get(key) is not None]


def _is_metric(key: str) -> bool:
    return key.startswith("valid/") and key.count("/") == 1 and not key.endswith("/loss")


def _with_central(history: Sequence[dict[str, Any]], keys: list[str]) -> list[str]:
    """Numbers of the validation part, and the same of a training on all examples at one place."""
    beside = [key.replace("valid/", "valid/central/") for key in keys if key.startswith("valid/")]
    return keys + [key for key in beside if _line(history, key)]


def _is_of_a_player(key: str) -> bool:
    """Whether it is a training loss of one of several players: `train/critic/loss`."""
    return key.startswith("train/") and key.count("/") == 2 and key.endswith("/loss")


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _word(key: str) -> str:
    """What a line is called: its part of the data, or its player."""
    part, *player, _ = key.split("/")
    return player[0] if player else _WORDS[part]


def _column(key: str) -> str:
    """The heading of a number of an epoch: `validation accuracy`, `training critic loss`, `lr`."""
    part, *rest = key.split("/")
    return " ".join([_WORDS.get(part, part), *rest])


def _show(key: str, value: float) -> str:
    return units.metric(_name(key), value)


def _twin(history: Sequence[dict[str, Any]]) -> Table:
    keys = [key for key in history[0] if key not in ("step", "epoch")]
    names = [_column(key) for key in keys]
    rows = [
        [record["epoch"]]
        + ["" if record.get(key) is None else units.number(record[key]) for key in keys]
        for record in history
    ]
    return Table(["epoch", *names], rows, "Every epoch")
