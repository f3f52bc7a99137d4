"""Pictures as PNG files: explanations, attacks, traces."""

import io
import warnings
from pathlib import Path

import numpy as np
from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

from cartograd.apps.report.theme import BLUE, LINE, MUTED, RED
from cartograd.apps.results.explanation import contributions
from cartograd.core.files import write_file
from cartograd.core.ports import Port

MOST = 8
"""Rows of a picture."""

BARS = 20
"""Columns or features shown of one row, those that matter most."""

NAMED = 40
"""Positions that are named beside a map of attention."""

CHINESE = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("WenQuanYi Micro Hei", "PingFang SC", "Heiti SC", "Microsoft YaHei", "SimHei"),
)
"""Fonts with Chinese characters of Linux, macOS and Windows."""

POSITIVE = LinearSegmentedColormap.from_list("positive", ["#ffffff", RED])
"""Nothing to much."""

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#ffffff", RED])
"""Against, nothing, for."""


def explained(
    path: Path,
    port: Port,
    inputs: Tensor,
    attributions: Tensor,
    titles: list[str],
    tokens: list[list[str]],
    /,
    *,
    draws: Tensor | None = None,
) -> Path:
    """Each input beside what its parts contributed; bars where the input is no picture.

    Args:
        path: of the PNG file.
        port: of the inputs.
        inputs: the examples.
        attributions: of their numbers, or of places of a layer.
        titles: what stands above each.
        tokens: of each text what its numbers stand for; empty lists where that is not known.
        draws: the attributions of several seeds, whose standard error is drawn.
    """
    rows = list(zip(inputs[:MOST], attributions[:MOST], titles, strict=False))
    each = [None] * len(rows) if draws is None else list(draws[:, : len(rows)].unbind(1))
    if port.kind == "image":
        figure, grid = grid_of(len(rows), 2 if draws is None else 3)
        for panels, (x, a, title), own in zip(grid, rows, each, strict=True):
            picture(panels[0], x, port, title)
            _signed(panels[1], a, "for (red),\nagainst (blue)")
            if own is not None:
                error = own.sum(1).double().std(0) / len(own) ** 0.5
                panels[2].imshow(error.cpu().numpy(), cmap=POSITIVE, vmin=0)
                _bare(panels[2], f"standard error,\nat most {float(error.max()):.2g}")
    else:
        figure, grid = grid_of(len(rows), 1, across=2, width=5.5, height=4.5)
        for (axes,), (_, a, title), said, own in zip(grid, rows, tokens, each, strict=False):
            names, values = contributions(port, a, said)
            told = [] if own is None else [contributions(port, one, said)[1] for one in own]
            error = np.std(told, axis=0, ddof=1) / len(told) ** 0.5 if told else None
            _bars(axes, names, values, title, error)
    return write(figure, path)


def attacked(
    path: Path, port: Port, before: Tensor, after: Tensor, titles: list[tuple[str, str]], /
) -> Path | None:
    """Inputs before and after an attack, and the change; None where there is nothing to draw."""
    rows = list(zip(before[:MOST], after[:MOST], titles, strict=False))
    if not rows or (port.kind != "image" and before[0].numel() != 2):
        return None
    if port.kind != "image":
        return _arrows(path, before, after)
    figure, grid = grid_of(len(rows), 3)
    for (left, middle, right), (x, x_adv, (said, says)) in zip(grid, rows, strict=True):
        picture(left, x, port, said)
        _signed(middle, x_adv - x, "the change")
        picture(right, x_adv, port, says)
    return write(figure, path)


def sheet(path: Path, port: Port, before: Tensor, after: list[Tensor], /) -> Path:
    """A row for each example: as it is, then as each epoch shows it."""
    titles = ["as it is", *(f"epoch {number}" for number in range(1, len(after) + 1))]
    wide, high = (1.3, 1.5) if port.kind == "image" else (2.2, 1.2)
    figure, grid = grid_of(len(before), len(titles), across=1, width=wide, height=high)
    for row, panels in enumerate(grid):
        for axes, title, inputs in zip(panels, titles, [before, *after], strict=True):
            shown = title if row == 0 else ""
            if port.kind == "image":
                picture(axes, inputs[row], port, shown)
            else:
                axes.plot(inputs[row].flatten().cpu().numpy(), color=BLUE, linewidth=0.5)
                axes.set_ylim(-1.1, 1.1)
                _bare(axes, shown)
    return write(figure, path)


def attended(path: Path, maps: dict[str, Tensor], labels: list[str], /) -> Path:
    """Attention maps: a row of heads for each layer's attention weights of one example.

    Args:
        path: the PNG file.
        maps: `h t s` by the name of the layer.
        labels: what stands at each position; empty where that cannot be said.
    """
    shown = list(maps.items())[-MOST:]
    heads = min(MOST, max(len(weights) for _, weights in shown))
    figure, grid = grid_of(len(shown), heads, across=1, width=2.4, height=2.5)
    for panels, (name, weights) in zip(grid, shown, strict=True):
        for number, (axes, one) in enumerate(zip(panels, weights, strict=False), start=1):
            axes.imshow(one.cpu().numpy(), cmap=POSITIVE, vmin=0)
            _bare(axes, f"{name} {number}")
            if len(labels) == one.shape[1] <= NAMED:
                axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=6)
            if len(labels) == one.shape[0] <= NAMED:
                axes.set_yticks(range(len(labels)), labels, fontsize=6)
    return write(figure, path)


def gates(path: Path, layers: dict[str, dict[str, Tensor]], labels: list[str], /) -> Path:
    """The gates of a recurrent model along one row: time goes to the right, a unit is a line.

    Args:
        path: the PNG file.
        layers: gates `t d` by name, by the name of the layer.
        labels: what is read at each step; empty where that cannot be said.
    """
    panels = [
        (f"{layer}: {gate}", one) for layer, each in layers.items() for gate, one in each.items()
    ]
    figure, grid = grid_of(len(panels), 1, across=3, width=3.2, height=2.2)
    for (axes,), (title, one) in zip(grid, panels, strict=True):
        limit = max(1.0, one.abs().max().item())
        axes.imshow(one.T.cpu().numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto")
        _bare(axes, title)
        if len(labels) == len(one) <= NAMED:
            axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=6)
    return write(figure, path)


def aligned(path: Path, weights: Tensor, written: list[str], read: list[str], /) -> Path:
    """A decoder's attention weights (`t s`): a row per target token, a column per source token."""
    wide, high = (0.22 * len(read) + 1.2, 0.2 * len(written) + 1.0)
    figure, [[axes]] = grid_of(1, 1, across=1, width=wide, height=high)
    axes.imshow(weights.cpu().numpy(), cmap=POSITIVE, vmin=0, vmax=1, aspect="auto")
    _bare(axes, "")
    axes.set_xticks(range(len(read)), read, rotation=90, fontsize=7)
    axes.set_yticks(range(len(written)), written, fontsize=7)
    return write(figure, path)


def tiles(path: Path, panels: list[tuple[str, Tensor]], /, *, across: int = 6) -> Path:
    """Maps `y x` side by side, each in greys from its smallest to its largest number."""
    figure, grid = grid_of(len(panels), 1, across=across, width=1.6, height=1.75)
    for (axes,), (title, one) in zip(grid, panels, strict=True):
        axes.imshow(one.cpu().numpy(), cmap="gray")
        _bare(axes, title)
    return write(figure, path)


def grid_of(
    count: int, panels: int, /, *, across: int = 2, width: float = 2.0, height: float = 2.3
) -> tuple[Figure, list[list[Axes]]]:
    """An empty figure, and for each of `count` examples its panels; `across` examples a row."""
    across = min(across, count)
    rows = -(-count // across)
    size = (width * panels * across, height * rows)
    figure = Figure(figsize=size, layout="constrained")
    flat: list[Axes] = list(figure.subplots(rows, panels * across, squeeze=False).flat)
    for axes in flat[count * panels :]:
        axes.remove()
    return figure, [flat[i * panels : (i + 1) * panels] for i in range(count)]


def picture(axes: Axes, x: Tensor, port: Port, title: str, /) -> None:
    """A picture in grey or in colours."""
    low, high = port.bounds or (float(x.min()), float(x.max()))
    pixels = ((x.cpu() - low) / (high - low)).clamp(0, 1).permute(1, 2, 0).numpy()
    shown = pixels if pixels.shape[-1] == 3 else pixels.mean(-1)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=1)
    _bare(axes, title)


def _signed(axes: Axes, x: Tensor, title: str) -> None:
    values = x.double().cpu().sum(0).numpy()
    limit = float(np.abs(values).max()) or 1.0
    axes.imshow(values, cmap=SIGNED, vmin=-limit, vmax=limit)
    _bare(axes, title)


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(LINE)


def _bars(
    axes: Axes, names: list[str], values: np.ndarray, title: str, error: np.ndarray | None
) -> None:
    order = np.argsort(-np.abs(values))[:BARS][::-1]
    colours = [RED if value > 0 else BLUE for value in values[order]]
    wide = None if error is None else error[order]
    axes.barh([names[i] for i in order], values[order], color=colours, xerr=wide, ecolor=MUTED)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_title(title, fontsize=10)
    said = "" if error is None else ", ± standard error"
    axes.set_xlabel(f"contribution: for (red), against (blue){said}")


def _arrows(path: Path, before: Tensor, after: Tensor) -> Path:
    """Points of the plane, and where the attack moved them."""
    start, move = before.flatten(1).numpy(), (after - before).flatten(1).numpy()
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.plot(*start.T, ".", color=MUTED)
    axes.quiver(*start.T, *move.T, angles="xy", scale_units="xy", scale=1, color=RED, width=0.003)
    axes.set_aspect("equal")
    axes.set_title("inputs that the attack turned, and where it moved them", fontsize=10)
    return write(figure, path)


def line(path: Path, values: list[float], title: str, axis: tuple[str, str], /) -> Path:
    """Numbers over their places, from 1."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, len(values) + 1), values, color=BLUE)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(axis[0])
    axes.set_ylabel(axis[1])
    axes.grid(axis="y", color=LINE)
    return write(figure, path)


def lines(path: Path, values: dict[str, list[float]], title: str, axis: tuple[str, str], /) -> Path:
    """Several rows of numbers over their places, from 0, on a logarithmic scale."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (name, row), colour in zip(values.items(), (MUTED, BLUE, RED), strict=False):
        axes.plot(row, color=colour, label=name)
    axes.set_yscale("log")
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(axis[0])
    axes.set_ylabel(axis[1])
    axes.grid(axis="y", color=LINE)
    axes.legend(frameon=False)
    return write(figure, path)


def write(figure: Figure, path: Path, /) -> Path:
    """Write a figure as a PNG file, whole or not at all."""
    buffer = io.BytesIO()
    with rc_context({"font.sans-serif": _fonts()}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # no font here has it: an empty box
        figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return write_file(path, buffer.getvalue())


def _fonts() -> list[str]:
    """Matplotlib's own font, and for Chinese tokens the first of the usual ones that is here."""
    there = set(font_manager.get_font_names())
    return ["DejaVu Sans", *[name for name in CHINESE if name in there][:1]]
