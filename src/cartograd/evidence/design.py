"""What was fixed before an experiment was run: a digest of its rule and design, and the journal.

The digest covers the rule (checks, requirements, how they decide, hypothesis, seeds) and the code
that measures and judges: the claim's file, whatever else of `cartograd.evidence` it uses, and the
verdict. Of code it takes the syntax tree without docstrings, so that layout and comments change
nothing. Statement, remark and picture are no part of it. What the library itself computes is not
either: the golden curves watch that.

The journal (`journal.tsv`) is appended to and never edited. An event of a claim is one of

    committed   rule or design reached the repository, before there were digests
    taken       the design as it stood when the journal began; results of before name no digest
    registered  a design with its digest, before any of its seeds was run
    mended      another one after figures had been seen: its seeds are fresh
    carried     the digest changed and the design did not (a renaming); the note says what did
    look        figures that somebody saw and that are not kept
    run         a result that is kept, or was

References:
    Joseph Simmons, Leif Nelson, Uri Simonsohn. False-positive psychology: undisclosed flexibility
    in data collection and analysis allows presenting anything as significant. 2011.
    https://doi.org/10.1177/0956797611417632
    Brian Nosek et al. The preregistration revolution. 2018.
    https://doi.org/10.1073/pnas.1708274114
"""

import ast
import csv
import datetime
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import CLAIMS, Claim

ROOM = Path(__file__).parent
JOURNAL = ROOM / "journal.tsv"
COLUMNS = ("date", "claim", "event", "design", "seeds", "note")
FIXED = ("hypothesis", "rule", "requires", "decide", "seeds", "first", "exact")
"""Fields of a claim that belong to its design."""
BEFORE = ("registered", "mended", "taken")
"""Events that fix a design."""
_NOT_DESIGN = (
    "claim", "experiment", "design", "estimate", "verdict", "own", "registering", "kept_seeds",
)  # fmt: skip
"""Files that say what claims are and run them, and the two that every digest takes anyway."""


@dataclass(frozen=True)
class Event:
    """A line of the journal.

    Attributes:
        date: UTC, to the minute, e.g. `2026-11-28T18:50Z`.
        claim: its id.
        event: what happened, see above.
        design: the digest; empty where none was kept.
        seeds: those that were run or are to be, as `100-109`; empty where nothing is random.
        note: what a reader should know.
    """

    date: str
    claim: str
    event: str
    design: str
    seeds: str
    note: str

    @property
    def chosen(self) -> set[int]:
        """The seeds as numbers.

        >>> sorted(Event("", "", "run", "", "3,8-10", "").chosen)
        [3, 8, 9, 10]
        """
        parts = [part.partition("-") for part in self.seeds.split(",") if part]
        return {seed for low, _, high in parts for seed in range(int(low), int(high or low) + 1)}


def digest(claim: Claim, /) -> str:
    """Sixteen hexadecimal digits that change with the rule or the design."""
    return digest_of(claim, sorted(_used(CLAIMS / f"{claim.id.replace('-', '_')}.py")))


def digest_of(claim: Claim, own: Sequence[Path], /) -> str:
    """The digest of a claim whose experiment is in these files."""
    fixed: dict[str, Any] = {name: getattr(claim, name) for name in FIXED}
    files = [ROOM / "verdict.py", ROOM / "estimate.py", *own]
    trees = [_plain(_code(path)) for path in files]
    whole = json.dumps([fixed, trees], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def now() -> str:
    """The time as the journal has it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")


def journal() -> tuple[Event, ...]:
    """Every event, in the order of its dates: lines of two branches stand as they were merged."""
    return tuple(sorted(_lines(JOURNAL), key=lambda event: event.date))


def _lines(path: Path) -> Iterator[Event]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Event(**row)


def history(name: str, /) -> tuple[Event, ...]:
    """The events of a claim."""
    return tuple(event for event in journal() if event.claim == name)


def history_of(path: Path, name: str, /) -> tuple[Event, ...]:
    """The events of a claim in a journal of a user's own, which may not be there yet.

    They stand in the order in which they were written: a clock that is set back changes nothing.

    Raises:
        UsageError: a line of it cannot be read.
    """
    if not path.exists():
        return ()
    try:
        return tuple(event for event in _lines(path) if event.claim == name)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{path} is no journal of claims; expected the columns {', '.join(COLUMNS)}, as they "
            "were written"
        ) from error


def standing(events: tuple[Event, ...], design: str, /) -> Event | None:
    """The event that fixed a design: its own, or that of the one that it carries on."""
    for event in reversed(events):
        if event.design == design and event.event in BEFORE:
            return event
        if event.design == design and event.event == "carried":
            design = _before(events, event)
    return None


def _before(events: tuple[Event, ...], event: Event) -> str:
    """The design that stood before an event."""
    earlier = events[: events.index(event)]
    return next((one.design for one in reversed(earlier) if one.event in (*BEFORE, "carried")), "")


@cache
def _used(path: Path) -> frozenset[Path]:
    """The file and all others of this room that it uses."""
    found = {path}
    for module in _modules(ast.parse(path.read_text(encoding="utf-8"))):
        used = ROOM.joinpath(*module.split(".")[2:]).with_suffix(".py")
        if used.is_file() and used.stem not in _NOT_DESIGN:
            found |= _used(used)
    return frozenset(found)


def _modules(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what is imported from this room; of a name, as if it were a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "cartograd.evidence"
        ):
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _code(path: Path) -> ast.Module:
    """The syntax tree without the literal of the claim, whose fields are taken one by one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _is_claim(node)]
    return tree


def _is_claim(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CLAIM"


def _plain(node: Any) -> Any:
    """A syntax tree as JSON, the same in every Python: without docstrings and empty fields."""
    if isinstance(node, list):
        return [_plain(item) for item in node if not _is_docstring(item)]
    if not isinstance(node, ast.AST):
        return node if isinstance(node, str | int | float | bool | None) else repr(node)
    fields = {name: _plain(value) for name, value in ast.iter_fields(node) if name != "kind"}
    return [type(node).__name__, {k: v for k, v in fields.items() if v is not None and v != []}]


def _is_docstring(item: Any) -> bool:
    """Whether it is a string that stands alone."""
    value = item.value if isinstance(item, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
