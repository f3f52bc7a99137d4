"""Prove what a model answers: a property of a file, or the right class around examples."""

from pathlib import Path
from typing import Annotated, Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, Device, File, Part, Target, data_of, home
from cartograd.apps.cli.following import of_model
from cartograd.apps.cli.names import naming
from cartograd.apps.cli.words import part_of


def verify_(
    target: Target,
    property: Path | None = None,
    /,
    *,
    data: Data = None,
    part: Part = None,
    method: Annotated[list[str] | None, naming("verifier")] = None,
    eps: list[float] | None = None,
    norm: str | None = None,
    range: list[str] | None = None,
    examples: int | None = None,
    minutes: float = 5.0,
    out: File = None,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Prove what a model answers: a property of a VNN-LIB file, or the right class near examples.

    With a file the answer is proved, refuted (with an input that was run through the model) or
    unknown; the exit code is 1 unless it is proved. Without one, verified accuracy: of how many
    examples every change of a size leaves the right class, beside what an attack leaves.

    Args:
        target: a run or bundle folder.
        property: a VNN-LIB file: which answers are unsafe. X in the units of the input.
        data: a source, like digits; by default what the model was trained on.
        part: train, valid, test or all; by default test of what the model was trained on, and all
            of other files or folders that do not come in parts.
        method: a verifier (`cartograd list verifier`), like alpha-crown:steps=50 or exact; several
            for a table. By default ibp, crown and alpha-crown.
        eps: sizes, in the units of the input (0.01 of pixels from 0 to 1, not 3); by default four.
        norm: what eps measures: linf (the default; each number) or l2 (the whole change).
        range: of a table, what a column may be, like age=20:40; whether any such cell changes the
            answer of an example. Several for a box.
        examples: how many to look at; 100 if left out.
        minutes: the most that it takes; what is open then is unknown, and examples that are left
            are not looked at.
        out: the file to write: the counterexample of a property, or an HTML page; by default
            counterexample.txt or verify.html in the run's folder.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.load.target import as_bundle
    from cartograd.core.errors import UsageError

    bundle = as_bundle(target)
    if property is not None:
        flags = {"data": data, "part": part, "method": method, "eps": eps, "norm": norm,
                 "range": range, "examples": examples,
                 "device": None if device == "auto" else device}  # fmt: skip
        if given := [f"--{name}" for name, value in flags.items() if value is not None]:
            raise UsageError(f"{given[0]} means nothing beside a property file; leave one out")
        return _property(
            bundle, property, minutes, out or home(bundle) / "counterexample.txt", json,
            of_model("audit", target),
        )  # fmt: skip
    read, source, part = _read(bundle, data, part)
    where = {"target": target, "data": source, "part": part}
    told: dict[str, Any] = {
        "examples": 100 if examples is None else examples,
        "part": part,
        "device": device,
    }
    told |= {"minutes": minutes}
    if range:
        if method or eps or norm or out:
            raise UsageError(
                "--range is answered exactly, for itself, and printed; leave out --method, --eps, "
                "--norm and --out"
            )
        return _ranges(bundle, read, range, told, where, json)
    output.check_page(out)
    told |= {"norm": norm or "linf"}
    return _accuracy(bundle, read, method, eps, told, where, out or home(bundle) / "verify.html",
                     json)  # fmt: skip


def _read(bundle: Any, data: str | None, part: str | None) -> tuple[Any, str, str | None]:
    """The data, what they are called, and their part."""
    from cartograd.apps.load.as_learned import as_learned
    from cartograd.apps.load.parts import part_of as chosen

    source = data_of(bundle, data)
    trained = bundle.about.get("data")
    read, lines = as_learned(source, trained)
    for line in lines:
        output.note(line)
    part, _ = chosen(part and part_of(part), read, trained)
    return read, source, part


def _property(
    bundle: Any, path: Path, minutes: float, out: Path, json: bool, after: list[tuple[str, str]]
) -> int:
    from cartograd.apps.verbs.prove import prove

    found = prove(bundle, path, minutes=minutes)
    written = found.write(out)
    code = 0 if found.answer == "proved" else 1
    if json:
        output.emit({"counterexample": written} | found.to_json())
        return code
    for line in found.notes:
        output.note(line)
    output.lines([*found.rows(), *([("counterexample", str(written))] if written else []), *after])
    return code


def _accuracy(
    bundle: Any, data: Any, method: list[str] | None, eps: list[float] | None,
    told: dict[str, Any], where: dict[str, Any], out: Path, json: bool,
) -> int:  # fmt: skip
    from cartograd.apps.verbs.verify import METHODS, verify

    methods = list(dict.fromkeys(method or METHODS))
    found = verify(bundle, data, methods, eps=eps or (), **told)
    path = found.draw(out)
    if json:
        output.emit(where | {"page": path} | found.to_json() | {"data": where["data"]})
        return 0
    for line in found.notes:
        output.note(line)
    output.table(found.columns, found.rows())
    lines = [("examples", f"{found.examples} ({where['data']}, {where['part']}); shares with their "
              "95 % interval" + (f", eps by {found.norm}" if found.norm else ""))]  # fmt: skip
    output.lines([*lines, ("page", str(path)), *of_model("audit", where["target"])])
    return 0


def _ranges(
    bundle: Any, data: Any, ranges: list[str], told: dict[str, Any], where: dict[str, Any],
    json: bool,
) -> int:  # fmt: skip
    from cartograd.apps.verbs.verify_ranges import verify_ranges

    found = verify_ranges(bundle, data, ranges, **told)
    if json:
        output.emit(where | found.to_json() | {"data": where["data"]})
        return 0
    output.table(("the answer", "examples", "95 % interval"), found.rows(), right=("examples",))
    if found.changed:
        output.table(("answer", *found.names), found.cells())
    about = f"{found.examples} ({where['data']}, {where['part']})"
    after = of_model("audit", where["target"])
    output.lines([("ranges", ", ".join(found.ranges)), ("examples", about), *after])
    return 0
