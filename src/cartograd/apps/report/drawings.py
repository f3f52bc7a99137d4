"""Results as PNG files: a function for each, which its `draw` finds here by name."""

from pathlib import Path

from torch import Tensor

from cartograd.apps.report import png
from cartograd.apps.results.augmented import Augmented
from cartograd.apps.results.defended import Defended
from cartograd.apps.results.explanation import Explanation
from cartograd.apps.results.robustness import Robustness
from cartograd.apps.results.traces import Alignment, Descents, FeatureMaps, Filters, Gates

MOST = 8
"""Maps of each layer in a picture, and layers, evenly chosen."""


def explanation(path: str | Path, found: Explanation, /) -> Path:
    """Each input beside what its parts contributed."""
    return png.explained(
        Path(path), found.port, found.inputs, found.attributions, list(found.titles),
        list(found.tokens), draws=found.draws,
    )  # fmt: skip


def heads(path: str | Path, found: Explanation, /) -> Path:
    """All heads' attention for the first example."""
    return png.attended(Path(path), found.heads, list(found.labels))


def attack(path: str | Path, found: Robustness, /) -> Path | None:
    """The inputs that an attack turned; None where there is nothing to draw."""
    turned, labels = found.turned, found.labels
    pairs = zip(found.before[turned].tolist(), found.after[turned].tolist(), strict=True)
    titles = [(f"says {labels[before]}", f"says {labels[after]}") for before, after in pairs]
    before, after = found.inputs[turned], found.adversarial[turned]
    return png.attacked(Path(path), found.port, before, after, titles)


def defended(path: str | Path, found: Defended, /) -> Path | None:
    """A few inputs before and after an attack, and after each purifier."""
    if found.port.kind != "image" or not len(found.clean):
        return None
    parts = [("clean", found.clean), ("attacked", found.attacked)]
    parts += [(one.method, one.shown) for one in found.purifications[1:]]
    figure, grid = png.grid_of(len(found.clean), len(parts))
    for row, axes in enumerate(grid):
        for one, (name, pictures) in zip(axes, parts, strict=True):
            png.picture(one, pictures[row], found.port, name[:18] if row == 0 else "")
    return png.write(figure, Path(path))


def descents(path: str | Path, found: Descents, /) -> Path:
    """The loss of each variant over the epochs."""
    lines = {f"{one.name} ({one.steps} steps)": list(one.losses) for one in found.variants}
    title = "Three gradient descents on digits"
    return png.lines(Path(path), lines, title, ("epoch", "training loss"))


def filters(path: str | Path, _: Filters, /) -> Path:
    """What the filters make of a photo, beside kernels that were learned."""
    from cartograd.architectures.cnn import classical_filters as classical

    image = classical.photo()
    panels: list[tuple[str, Tensor]] = [
        ("photo", image), ("Sobel, x", classical.sobel(image)),
        ("Sobel, y", classical.sobel(image, axis="vertical")),
        *((f"blurred, sigma {s}", classical.gaussian(image, sigma=s)) for s in (1.5, 4.0)),
        *((f"pyramid {n}", level) for n, level in enumerate(classical.pyramid(image)[1:], 1)),
        *((f"learned {n}", kernel) for n, kernel in enumerate(classical.learned_kernels(), 1)),
    ]  # fmt: skip
    shown = [(title, panel.reshape(panel.shape[-2:])) for title, panel in panels]
    return png.tiles(Path(path), shown)


def feature_maps(path: str | Path, found: FeatureMaps, /) -> Path:
    """The picture, then some maps of some layers."""
    panels = [("input", found.image.mean(0))]
    drawn = list(found.layers.items())[:: max(1, -(-len(found.layers) // MOST))]
    for name, layer in drawn:
        panels += [(f"{name}, {n}", one) for n, one in enumerate(layer[:MOST], 1)]
    return png.tiles(Path(path), panels, across=MOST + 1)


def gates(path: str | Path, found: Gates, /) -> Path:
    """Every gate along the row."""
    return png.gates(Path(path), found.layers, list(found.labels))


def alignment(path: str | Path, found: Alignment, /) -> Path:
    """A row for each token written, a column for each one read."""
    return png.aligned(Path(path), found.weights, list(found.written), list(found.read))


def augmented(path: str | Path, found: Augmented, /) -> Path:
    """A row for each example, as it is and then each epoch."""
    after = [split.inputs for split in found.after]
    return png.sheet(Path(path), found.port, found.before.inputs, after)
