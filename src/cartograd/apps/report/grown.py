"""How the pictures of a generative model came to be: what it drew while it learned."""

import base64
from collections.abc import Sequence
from pathlib import Path

from cartograd.apps.report.parts import Section, Tile, tiles
from cartograd.apps.report.pictures import Picture


def grown(grids: Sequence[Path], /) -> Section | None:
    """The grids of a run, in the order of their epochs; None where there are none.

    Args:
        grids: PNG files called after their epochs, like `epoch-0012.png`.
    """
    if not grids:
        return None
    shown = [(int(one.stem.rpartition("-")[2]), one) for one in grids]
    each = [Tile((_picture(one, f"epoch {epoch}"),)) for epoch, one in shown]
    return Section(
        "samples",
        "Samples while it learned",
        "Drawn after these epochs, always of the same noise (and classes, where there are some); "
        "none was chosen.",
        tiles(each),
    )


def _picture(path: Path, label: str) -> Picture:
    uri = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    return Picture(uri, f"pictures drawn after {label}", label)
