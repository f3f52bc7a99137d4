"""What each seed gave, kept while a claim is run, so that one that was stopped goes on."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Curve, Measured


class KeptSeeds:
    """A file with a line for each seed; lines of another design do not count.

    Args:
        path: of the file.
        design: the digest that figures have to be of.
    """

    def __init__(self, path: Path, design: str):
        self.path, self.design = path, design
        self.known: dict[int, Measured] = {}
        self.others: dict[str, set[int]] = {}  # seeds that were seen under other designs
        with suppress(OSError, ValueError, TypeError, KeyError):  # half a line is no figure
            for line in path.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                seed = int(record["seed"])
                if record["design"] == design:
                    self.known[seed] = _read(record["found"])
                else:
                    self.others.setdefault(record["design"], set()).add(seed)

    def add(self, seed: int, found: Measured, /) -> None:
        """One more seed.

        Raises:
            UsageError: the file cannot be written.
        """
        plain = {name: _plain(value) for name, value in found.items()}
        line = json.dumps({"design": self.design, "seed": seed, "found": plain})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from error

    def remove(self) -> None:
        """All is in the result now."""
        self.path.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Curve):
        return {"x": [float(x) for x in value.x], "y": [float(y) for y in value.y]}
    return float(value)


def _read(found: dict[str, Any]) -> Measured:
    return {
        name: Curve(value["x"], value["y"]) if isinstance(value, dict) else float(value)
        for name, value in found.items()
    }
