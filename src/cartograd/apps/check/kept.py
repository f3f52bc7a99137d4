"""The data card of a run: the fast part of a check, kept in the run's folder and said before."""

import json
import warnings
from pathlib import Path
from typing import Any

from cartograd.apps.check.check import quick
from cartograd.apps.results.data_card import DataCard
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.data.dataset.dataset import Dataset

OWN = ("csv", "folder", "wav", "text", "text-folder", "pairs", "captions", "series")
"""Sources of files of one's own: the others are known."""

SAID = 5
"""Warnings that are said before a training."""

JSON, PAGE = "data.json", "data.html"


def keep_card(data: Dataset, word: Any, folder: Path, /) -> list[str]:
    """Check data of one's own, and write what was found into a run's folder.

    What fails here is a warning, and no reason to lose a run.

    Args:
        data: what is trained on.
        word: what it is called in the run.
        folder: of the run.

    Returns:
        A line on each thing that misleads a training, and one on the card.
    """
    if data.name not in OWN:
        return []
    try:
        card = quick(data, word)
        write_file(folder / JSON, json.dumps(card.to_json(), ensure_ascii=False, indent=1))
        card.draw(folder / PAGE)
    except Exception as error:
        said = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        warnings.warn(f"the data were not checked before training: {said}", stacklevel=2)
        return []
    return [*_warned(card), f"{card.source}: {card.verdict} ({folder / PAGE})"]


def _warned(card: DataCard) -> list[str]:
    found = [one for one in card.findings if one.severity != "note"]
    lines = [f"{card.source}: {one.what}: {one.said}; {one.mend}" for one in found[:SAID]]
    more = [f"{card.source}: and {len(found) - SAID} more to look at"]
    return lines + (more if len(found) > SAID else [])
