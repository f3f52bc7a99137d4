"""Sections that are done, kept in the card's folder: a card that was stopped goes on from there.

A section is used again where nothing changed that it depends on: the weights, the examples, the
settings and the version that measured it.
"""

import json
from pathlib import Path
from typing import Any

from cartograd import __version__
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.core.files import write_file


class Kept:
    """The sections of one card on the disk; none where there is no folder.

    Args:
        folder: of the card.
        subject: what is audited.
        settings: what else the figures depend on.
    """

    def __init__(self, folder: Path | None, subject: Subject, settings: dict[str, Any], /):
        self.folder = None if folder is None else folder / "sections"
        self.digests = subject.digests()
        of = self.digests | {"seed": subject.seed, "slices": subject.slices}
        self.of = of | settings | {"cartograd": __version__}

    def read(self, name: str, /) -> tuple[Found, dict[str, Any]] | None:
        """What a section found, and what it cost, if it was measured on the same."""
        if self.folder is None or not (path := self.folder / f"{name}.json").is_file():
            return None
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            same = told["of"] == self.of
            return (Found.from_json(told["found"]), told["cost"]) if same else None
        except (ValueError, KeyError, TypeError):  # a file that somebody changed is measured anew
            return None

    def write(self, name: str, found: Found, cost: dict[str, Any], /) -> None:
        """Keep a section, whole or not at all."""
        if self.folder is not None:
            told = {"of": self.of, "cost": cost, "found": found.to_json()}
            write_file(self.folder / f"{name}.json", json.dumps(told) + "\n")
