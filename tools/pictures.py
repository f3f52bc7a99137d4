"""The picture of the README, drawn from a tour of the program itself.

python -m tools.pictures       writes docs/pictures/tour.png
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.load.target import as_signed
from cartograd.apps.report.curves import label_ends
from cartograd.apps.report.origin import origin_of
from cartograd.apps.report.theme import BLUE, INK, LIGHT, LINE, MUTED, RED, STYLE, quiet
from cartograd.apps.tour import Tour, tour
from cartograd.apps.verbs.explain import explain
from cartograd.core.files import write_file

ROOT = Path(__file__).parents[1]
SHOWN = 7
SMALL: dict[Any, Any] = {
    "figure.facecolor": LIGHT["paper"],
    "font.size": 9,
    "axes.labelsize": 9,
} | {
    "axes.titlesize": 12,
    "axes.titlepad": 9,
    "xtick.major.pad": 5,
    "lines.linewidth": 1.7,
}
SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, LIGHT["surface"], RED])


def main() -> int:
    """Take a tour, draw it, write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        picture = drawn(tour(Path(folder) / "tour", say=lambda step, text: print(step, text)))
    path = ROOT / "docs/pictures/tour.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    print(write_file(path, picture).relative_to(ROOT), f"{len(picture) / 1000:.0f} kB")
    return 0


def drawn(found: Tour) -> bytes:
    """A row of digits for each of predict, explain and attack; training and robustness beside."""
    eps = list(found.robust)[2]
    x, z = _turned(found, eps)
    heat = explain(found.run, x)
    model = as_signed(found.run)
    with torch.inference_mode():
        before, after = class_probabilities(model(x)), class_probabilities(model(z))
    with mpl.rc_context(STYLE | SMALL):
        figure = Figure(figsize=(12.4, 4.8))
        left = figure.add_gridspec(
            3, SHOWN, left=0.108, right=0.605, top=0.925, bottom=0.045, wspace=0.1, hspace=0.32
        )
        for column in range(SHOWN):
            axes = [figure.add_subplot(left[row, column]) for row in range(3)]
            axes[0].imshow(x[column, 0], cmap="gray", vmin=0, vmax=1)
            limit = float(heat[column].abs().max())
            axes[1].imshow(heat[column, 0], cmap=SIGNED, vmin=-limit, vmax=limit)
            axes[2].imshow(z[column, 0], cmap="gray", vmin=0, vmax=1)
            _say(axes[0], before[column], BLUE)
            _say(axes[2], after[column], RED)
            for item in axes:
                _bare(item)
        words = ("its answer,\nand how sure", "red speaks for it,\nblue against it")
        words += (f"each pixel within\n{eps:g} of itself",)
        for row, (verb, text) in enumerate(
            zip(("predict", "explain", "attack"), words, strict=True)
        ):
            place = left[row, 0].get_position(figure)
            middle = (place.y0 + place.y1) / 2
            figure.text(0.015, middle + 0.012, verb, color=INK, size=12, weight="bold")
            figure.text(0.015, middle - 0.005, text, color=MUTED, va="top", linespacing=1.35)
        right = figure.add_gridspec(
            3, 1, left=0.735, right=0.93, top=0.9, bottom=0.1, hspace=0.95, height_ratios=(4, 2, 4)
        )
        _train(figure.add_subplot(right[0]), found)
        _evaluate(figure.add_subplot(right[1]), found)
        _attack(figure.add_subplot(right[2]), found)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return buffer.getvalue()


def _turned(found: Tour, eps: float) -> tuple[Tensor, Tensor]:
    """Pictures that the attack turned, before and after it, one of a class."""
    main = found.robust[eps]
    turned = (main.before == main.targets) & (main.after != main.targets)
    first = [(turned & (main.targets == label)).nonzero()[:1, 0] for label in range(10)]
    chosen = torch.cat(first)[:SHOWN]
    return main.inputs[chosen], main.adversarial[chosen]


def _say(axes: Axes, share: Tensor, colour: str) -> None:
    """The label that was given, and its probability, above a picture."""
    label = int(share.argmax())
    axes.set_title(str(label), loc="left", color=colour, pad=4)
    sure = f"{100 * float(share[label]):.0f} %"
    axes.set_title(sure, loc="right", color=MUTED, size=9, pad=4.5, fontweight="normal")


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(LINE)


def _train(axes: Axes, found: Tour) -> None:
    """Both losses over the epochs."""
    history = origin_of(found.run).history
    epochs = [record["epoch"] for record in history]
    ends = []
    for key, word, colour in (
        ("train/loss", "training", MUTED),
        ("valid/loss", "validation", BLUE),
    ):
        values = [record[key] for record in history]
        axes.plot(epochs, values, color=colour, marker="o", markersize=3)
        ends.append((values[-1], word, colour))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=4))
    axes.yaxis.set_major_formatter(lambda value, _: units.number(value))
    axes.yaxis.set_minor_formatter(lambda *_: "")
    axes.set_xlabel("epoch")
    _named(axes, "train", "loss")
    quiet(axes)
    label_ends(axes, ends)


def _evaluate(axes: Axes, found: Tour) -> None:
    """Accuracy with its interval, and the baselines."""
    result = found.measured
    low, high = result.intervals["accuracy"]
    rows = {name: given["accuracy"] for name, given in found.baselines.items()}
    rows["LeNet-5"] = result.metrics["accuracy"]
    for at, (name, value) in enumerate(rows.items()):
        ours = name == "LeNet-5"
        axes.plot([value], [at], "o", color=BLUE if ours else MUTED, markersize=5)
        axes.annotate(
            f"{100 * value:.1f} %", (1, at), (9, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", color=BLUE if ours else MUTED, va="center",
        )  # fmt: skip
    axes.hlines(len(rows) - 1, low, high, color=BLUE, alpha=0.4, linewidth=5)
    axes.set(xlim=(0, 1.02), xticks=(0, 0.5, 1), ylim=(-0.6, len(rows) - 0.4))
    axes.set_yticks(range(len(rows)), list(rows))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    _named(axes, "evaluate", "accuracy")
    quiet(axes, grid="x")


def _attack(axes: Axes, found: Tour) -> None:
    """The accuracy that attacks of growing size leave."""
    clean = next(iter(found.robust.values())).clean
    curve = {0.0: clean} | {eps: item.robust for eps, item in found.robust.items()}
    sizes, shares = list(curve), list(curve.values())
    axes.fill_between(sizes, shares, color=BLUE, alpha=0.12, linewidth=0)
    axes.plot(sizes, shares, color=BLUE, marker="o", markersize=4)
    for at in (sizes[0], *sizes[2:]):
        axes.annotate(
            f"{100 * curve[at]:.0f} %", (at, curve[at]), (2, 5),
            textcoords="offset points", color=MUTED,
        )  # fmt: skip
    axes.set(ylim=(0, 1.2), yticks=(0, 0.5, 1), xticks=(sizes[0], *sizes[2:]), xlabel="eps")
    axes.xaxis.set_major_formatter(lambda value, _: units.number(value))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    _named(axes, "attack", "accuracy left")
    quiet(axes)


def _named(axes: Axes, verb: str, what: str) -> None:
    axes.set_title(verb)
    axes.set_title(what, loc="right", color=MUTED, size=9, fontweight="normal")


if __name__ == "__main__":
    sys.exit(main())
