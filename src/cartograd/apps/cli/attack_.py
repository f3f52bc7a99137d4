"""Measure accuracy on inputs changed to mislead the model; writes a picture or a page."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, Device, File, Part, Target, data_of, home
from cartograd.apps.cli.following import of_model
from cartograd.apps.cli.names import naming
from cartograd.apps.cli.words import part_of

SHOWN = 5
"""Texts before and after that are printed."""


def attack_(
    target: Target,
    /,
    *,
    data: Data = None,
    part: Part = None,
    method: Annotated[list[str] | None, naming("attack")] = None,
    eps: list[float] | None = None,
    norm: str | None = None,
    from_: Annotated[list[str] | None, Parameter(name="--from"), naming("target")] = None,
    examples: int = 200,
    out: File = None,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Measure accuracy on inputs changed to mislead the model; writes a picture or a page.

    Several methods, or --eps, give the security curve: accuracy by method and size, beside random
    changes of the same size, and what tells whether the curve can be believed.

    Args:
        target: a run or bundle folder.
        data: a source, like digits; by default what the model was trained on.
        part: train, valid, test or all; by default test of what the model was trained on, and all
            of other files or folders that do not come in parts.
        method: like pgd:eps=0.1,steps=20 (eps in the units of the input), fgsm:eps=0.1, or of texts
            hotflip:share=0.1, synonym-swap, character-swap; several for a curve, like --method pgd
            --method autoattack (`cartograd list attack`).
        eps: sizes of a curve, in the units of the input (0.03 of pixels from 0 to 1, not 8).
        norm: what the sizes of a curve measure: linf (the default; each number) or l2 (the whole
            change).
        from_: another run or bundle, for which the changes are made; they are tried on this one
            (--method mi-fgsm is made for that). Several are misled together, which misleads this
            one more often.
        examples: how many to attack.
        out: the file to write, PNG, or HTML of a curve; by default attack.png or attack.html in the
            run's folder.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.load.as_learned import as_learned
    from cartograd.apps.load.parts import part_of as chosen
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.security_curve import METHODS

    bundle = as_bundle(target)
    source = data_of(bundle, data)
    trained = bundle.about.get("data")
    read, lines = as_learned(source, trained)
    for line in lines:
        output.note(line)
    part, _ = chosen(part and part_of(part), read, trained)
    methods = list(dict.fromkeys(method or []))
    where = {"target": target, "data": source, "part": part}
    told: dict[str, Any] = {"examples": examples, "part": part, "device": device}
    after = of_model("audit", target, data=data)
    if len(methods) > 1 or eps or norm is not None or from_ is not None:
        output.check_page(out)
        methods = methods or (list(METHODS) if from_ is None else ["mi-fgsm"])
        told |= {"eps": eps or (), "norm": norm or "linf", "surrogate": from_}
        return _curve(
            bundle, read, methods, told, where, out or home(bundle) / "attack.html", json, after
        )
    output.check_png(out)
    return _single(
        bundle, read, methods, told, where, out or home(bundle) / "attack.png", json, after
    )


def _single(
    bundle: Any, data: Any, methods: list[str], told: dict[str, Any], where: dict[str, Any],
    out: Path, json: bool, after: list[tuple[str, str]],
) -> int:  # fmt: skip
    """One method of one size, with a picture of what fell."""
    from cartograd.apps.verbs.attack import METHOD, robustness

    found = robustness(bundle, data, method=(methods or [METHOD])[0], **told)
    path = found.draw(out)
    if json:
        output.emit(where | {"picture": path} | found.to_json())
        return 0
    for line in found.notes:
        output.note(line)
    output.table(("inputs", "accuracy", "95 % interval"), found.rows(), right=("accuracy",))
    if texts := found.texts():
        output.table(("answer", "before", "after"), texts[:SHOWN])
    lines = [
        ("attack", found.method),
        ("examples", f"{found.examples} ({where['data']}, {where['part']})"),
    ]
    output.lines([*lines, *([("picture", str(path))] if path else []), *after])
    return 0


def _curve(
    bundle: Any, data: Any, methods: list[str], told: dict[str, Any], where: dict[str, Any],
    out: Path, json: bool, after: list[tuple[str, str]],
) -> int:  # fmt: skip
    """Several methods or sizes, with a page."""
    from cartograd.apps.answers import units
    from cartograd.apps.verbs.security_curve import security_curve

    found = security_curve(bundle, data, methods, **told)
    path = found.draw(out)
    if json:
        output.emit(where | {"page": path} | found.to_json() | {"data": where["data"]})
        return 0
    for line in found.notes:
        output.note(line)
    columns = ("method", *(f"eps {units.number(size)}" for size in found.eps), "passes")
    output.table(columns, found.rows(), right=("passes",))
    marks = [("yes" if check.passed else "NO", check) for check in found.checks]
    output.table(("check", "holds", "found"), [(c.name, mark, c.said) for mark, c in marks])
    output.lines([
        ("examples", f"{found.examples} ({where['data']}, {where['part']}); accuracy with its 95 % "
         f"interval; eps by {found.norm}"),
        ("page", str(path)),
        *after,
    ])  # fmt: skip
    return 0
