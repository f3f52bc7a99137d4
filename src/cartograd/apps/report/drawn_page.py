"""Drawn pictures as a page: each with its class, how they were drawn, and the line to repeat it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Section, Table, Tile, table, tiles
from cartograd.apps.report.pictures import image
from cartograd.apps.report.samples import check_finite
from cartograd.core.ports import Port


def drawn_page(
    path: str | Path,
    port: Port,
    x: Float[Tensor, "b ..."],
    /,
    *,
    name: str,
    classes: Sequence[str],
    told: Mapping[str, str],
) -> Path:
    """Write the page, whole or not at all.

    Args:
        path: the HTML file.
        port: what the numbers are.
        x: pictures.
        name: of the model.
        classes: what was asked for, of each picture; none for a model without classes.
        told: how they were drawn, by what it is: sampler, seed, the line to repeat it.

    Raises:
        UsageError: the file cannot be written, or see `check_finite`.
    """
    check_finite(x)
    labels = list(classes) or [""] * len(x)
    each = [
        Tile((image(one, port, alt=f"picture {number} {label}".strip(), label=label),))
        for number, (one, label) in enumerate(zip(x, labels, strict=True), start=1)
    ]
    rows = [list(item) for item in told.items()]
    how = Markup(table(Table(("setting", "value"), rows, "how they were drawn", frozenset({1}))))
    return write_report(
        path,
        [
            Section(
                "drawn", "Drawn pictures", "All that were drawn; none was chosen.", tiles(each)
            ),
            Section("how", "How", "The last line draws the same again.", how),
        ],
        title=f"{len(x)} pictures by {name}",
    )
