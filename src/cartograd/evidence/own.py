"""A claim of a user's own: a file with `CLAIM = Claim(...)` and `measure(seed)`.

Its rule is read from the text before anything of it is run. What was fixed when is told by a
journal beside the file, as for the claims of the map: the first run registers the digest of rule
and code; a changed one is another design, which gets seeds that nobody saw.
"""

import ast
import importlib
import importlib.util
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from cartograd.core.errors import UsageError, unknown
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.claim_fields import check_fields, check_rule
from cartograd.evidence.design import Event, digest_of, history_of, now
from cartograd.evidence.experiment import Measure, Outcome
from cartograd.evidence.kept_seeds import KeptSeeds
from cartograd.evidence.registering import SEEN, append, fixed, span
from cartograd.evidence.verdict import Check

EXAMPLE = 'CLAIM = Claim(en="it helps", hypothesis="...", rule=("mean gain > 0",), seeds=5)'


def journal_of(path: Path, /) -> Path:
    """The journal beside a claim's file, to be kept with it.

    >>> journal_of(Path("mine.py")).name
    'mine.journal.tsv'
    """
    return path.with_name(f"{path.stem}.journal.tsv")


def read_own(path: Path, /) -> Claim:
    """The claim of a file, read from its text: nothing of it is run.

    Raises:
        UsageError: there is no such file, it is no Python, or has no claim that can be read.
    """
    tree = _tree(path)
    found = [node for node in tree.body if _assigns(node, "CLAIM")]
    if not found or not isinstance(call := found[-1].value, ast.Call):  # type: ignore[attr-defined]
        raise UsageError(f"{path} has no claim; expected a line like {EXAMPLE}")
    if not any(isinstance(node, ast.FunctionDef) and node.name == "measure" for node in tree.body):
        raise UsageError(
            f"{path} has no experiment; expected def measure(seed): that returns figures by name, "
            'like {"gain": 0.1}'
        )
    known = [one.name for one in fields(Claim)]
    given = dict[str, Any]()
    for item in call.keywords:
        if item.arg not in known:
            raise unknown("field of a claim", str(item.arg), known)
        try:
            given[item.arg] = ast.literal_eval(item.value)
        except ValueError as error:
            raise UsageError(
                f"{path} line {item.value.lineno}: {item.arg} is not a literal; a rule that is "
                "fixed before the run holds no variables or calls"
            ) from error
    return _claim(path, given)


def _claim(path: Path, given: dict[str, Any]) -> Claim:
    given = {"id": path.stem.replace("_", "-"), **given}
    needed = [one.name for one in fields(Claim) if one.default is MISSING]
    missing = [name for name in needed if name not in given]
    if missing:
        raise UsageError(f"{path}: the claim has no {missing[0]}; expected e.g. {EXAMPLE}")
    for name in ("rule", "requires", "draw", "axes"):
        if isinstance(given.get(name), str) and name != "axes":
            given[name] = (given[name],)
        elif isinstance(given.get(name), list):
            given[name] = tuple(given[name])
    check_fields(given, path)
    if not given["rule"]:
        raise UsageError(f"{path}: the rule is empty; expected e.g. {EXAMPLE}")
    claim = Claim(**given)
    for text in (*claim.rule, *claim.requires):
        check_rule(text, path)
    if not claim.seeds > 0 <= claim.first:
        raise UsageError(f"{path}: seeds={claim.seeds} from first={claim.first} on are no seeds")
    return claim


def digest_own(claim: Claim, path: Path, /) -> str:
    """The digest of rule and design: the file, and the files beside it that it imports."""
    return digest_of(claim, sorted({path, *_beside(path, set())}))


def experiment_of(path: Path, claim: Claim, /) -> Measure:
    """`measure` of a file, whose mistakes are told in a line.

    Raises:
        UsageError: the file cannot be run.
    """
    spec = importlib.util.spec_from_file_location(f"claim_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    for other in _beside(path, set()):  # as they are now, not as a call before has imported them
        top = other.relative_to(path.parent).parts[0].removesuffix(".py")
        for name in [name for name in sys.modules if name.partition(".")[0] == top]:
            del sys.modules[name]
    importlib.invalidate_caches()  # a folder that changed within a clock tick looks as it was
    sys.path.insert(0, str(path.parent.absolute()))
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _told(path, "the file fails", error) from error
    finally:
        sys.dont_write_bytecode = kept  # compiled code is known by seconds, and edits are faster
        sys.path.remove(str(path.parent.absolute()))
    inner = module.measure

    def measure(seed: int, /) -> Measured:
        try:
            found = inner(seed)
        except (Exception, SystemExit) as error:
            raise _told(path, f"seed {seed}", error) from error
        return _checked(path, claim, found)

    return measure


def begin(
    claim: Claim, path: Path, design: str, seeds: tuple[int, ...], kept: KeptSeeds | None, /
) -> None:
    """Write into the journal what is about to be run, and refuse what would not count.

    Args:
        claim: what is run.
        path: its file.
        design: its digest.
        seeds: those that are about to be seen; a single one is a look.
        kept: what a run that was stopped has left: its seeds were seen, too.

    Raises:
        UsageError: the design was changed after figures of these seeds had been seen, or the
            journal cannot be written.
    """
    where = journal_of(path)
    for other, seen in {} if kept is None else kept.others.items():
        if not any(one.design == other and one.chosen >= seen for one in _seen(where, claim)):
            append(Event(now(), claim.id, "look", other, span(sorted(seen)), "stopped"), where)
    events = history_of(where, claim.id)
    if is_look(claim, seeds):
        append(Event(now(), claim.id, "look", design, span(list(seeds)), "one seed"), where)
    elif not any(one.design == design and one.event in ("registered", "mended") for one in events):
        note = "the rule or the code was changed" if events else "before its first run"
        append(fixed(claim, design, events, note), where)


def is_look(claim: Claim, seeds: tuple[int, ...], /) -> bool:
    """Whether it is one seed of several alone, which gives no verdict."""
    return not claim.exact and len(seeds) == 1 < claim.seeds


def _seen(where: Path, claim: Claim) -> list[Event]:
    return [one for one in history_of(where, claim.id) if one.event in SEEN]


def end(claim: Claim, path: Path, design: str, seeds: tuple[int, ...], verdict: str, /) -> None:
    """Write into the journal what was seen."""
    seen = "" if claim.exact else span(list(seeds))
    append(Event(now(), claim.id, "run", design, seen, verdict), journal_of(path))


def lost(outcome: Outcome, /) -> list[str]:
    """Figures that are no numbers, a line each: what rests on them stays undecided."""
    found = []
    for name, values in outcome.figures.items():
        pairs = zip(outcome.seeds, values, strict=True)
        seeds = [seed for seed, value in pairs if not math.isfinite(value)]
        if seeds:
            many = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
            found.append(
                f"{name!r} is no finite number for {many}: a check of it stays undecided, whatever "
                "the others say"
            )
    return found


def _checked(path: Path, claim: Claim, found: Any) -> Measured:
    """What `measure` gave, if the rule can be asked of it."""
    if not isinstance(found, Mapping):
        raise UsageError(f"{path}: measure gives {type(found).__name__}; expected figures by name")
    for name, value in found.items():
        if not isinstance(value, Curve):
            try:
                float(value)
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"{path}: {name!r} is {type(value).__name__}; expected a number or a Curve"
                ) from error
    names = [name for name, value in found.items() if not isinstance(value, Curve)]
    if lost := [name for name in claim.draw if name not in found]:
        raise UsageError(
            f"{path}: {lost[0]!r} shall be drawn, which measure does not give (it gives "
            f"{', '.join(found) or 'nothing'})"
        )
    for check in map(Check.parse, (*claim.rule, *claim.requires)):
        if not set(check.figures(names)) & set(names):
            raise UsageError(
                f"{path}: the rule speaks of {check.figure!r}, which measure does not give (it "
                f"gives {', '.join(names) or 'nothing'})"
            )
    return found


def _told(path: Path, where: str, error: BaseException) -> UsageError:
    """An error of a user's code in a line, with the line of their file."""
    if isinstance(error, UsageError):
        return UsageError(f"{path}, {where}: {error}")
    trace, line, own = error.__traceback__, 0, path.absolute()
    while trace is not None:
        there = Path(trace.tb_frame.f_code.co_filename).absolute()
        line = trace.tb_lineno if there == own else line
        trace = trace.tb_next
    return UsageError(f"{path} line {line}, {where}: {type(error).__name__}: {error}")


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except SyntaxError as error:
        raise UsageError(f"{path} line {error.lineno} is no Python: {error.msg}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no Python: {error}") from error


def _assigns(node: ast.stmt, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(one, ast.Name) and one.id == name for one in targets)


def _beside(path: Path, seen: set[Path]) -> Iterator[Path]:
    """The files in the same folder that a file imports, and those that they import."""
    for node in ast.walk(_tree(path)):
        names = list[str]()
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            top = path.parent / name.partition(".")[0]
            package = (top / "__init__.py").is_file() and top.name != "cartograd"
            files = top.rglob("*.py") if package else [top.with_name(f"{top.name}.py")]
            for other in files:
                if other.is_file() and other not in seen:
                    seen.add(other)
                    yield other
                    if not package:  # which is taken whole
                        yield from _beside(other, seen)
