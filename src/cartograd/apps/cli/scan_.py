"""Look for poisoned training examples and for a backdoor in a model; draws its trigger."""

from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, Device, File, Folder, Target, data_of, home
from cartograd.apps.cli.following import of_model
from cartograd.apps.cli.names import naming


def scan_(
    target: Target,
    /,
    *,
    data: Data = None,
    method: Annotated[list[str] | None, naming("detector or study")] = None,
    trusted: int = 100,
    clean: Data = None,
    poison: Annotated[str | None, naming("poison by name")] = None,
    examples: int = 2000,
    repair: Folder = None,
    repair_by: str = "unlearning",
    out: File = None,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Look for poisoned training examples and for a backdoor in a model; draws its trigger.

    Args:
        target: a run or bundle folder.
        data: a source, like digits, whose training part is judged; by default what the model was
            trained on.
        method: detectors of examples, and neural-cleanse, which looks for the smallest pattern that
            turns inputs into each class (`cartograd list detector`); by default
            all that fit the model.
        trusted: how many examples are taken as known to be clean.
        clean: a source of examples that are known to be clean; by default the validation part of
            the data teaches what is usual, and the test part is judged beside as a control.
        poison: what is known to have been done to the data, like badnets:target=3, to see how right
            the methods are and how often the attack succeeds; by default what the run was trained
            with.
        examples: how many to judge.
        repair: a folder to make: the model after it was mended.
        repair_by: unlearning, of the trigger that neural-cleanse finds, or fine-pruning, which cuts
            units that trusted examples leave asleep, whatever was found, after which the judged
            examples that are answered as before teach their labels again (--examples 10000).
        out: the PNG file to write; by default scan.png in the run's folder.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.scan import scan

    output.check_png(out)
    bundle = as_bundle(target)
    source = data_of(bundle, data)
    found = scan(
        bundle, source, list(dict.fromkeys(method)) if method else None, trusted=trusted,
        clean=clean, poison=poison, examples=examples, repair=repair,
        repair_by=repair_by, device=device,
    )  # fmt: skip
    path = found.draw(out or home(bundle) / "scan.png")
    if json:
        output.emit({"target": target, "data": source, "picture": path} | found.to_json())
        return 0
    for line in found.notes:
        output.note(line)
    known = any(one.truth for one in found.findings)
    heads = ("method", "flagged", "of clean", "suspicious", "AUC", "precision", "recall")
    count = len(heads) if known else 4
    output.table(heads[:count], [row[:count] for row in found.rows()])
    if found.repair is not None:
        output.table(("repaired", "before", "after"), found.repair.rows())
    named = f": {', '.join(found.suspects)}" if found.suspects else ""
    lines = [
        ("verdict", f"{found.verdict}{named}"),
        ("examples", f"{found.examples} judged, {found.trusted} trusted, {found.control} clean "
         "ones beside"),
    ]  # fmt: skip
    if found.success is not None:
        low, high = (f"{100 * end:.1f}" for end in (found.success.low, found.success.high))
        won = f"{100 * found.success.value:.1f} % ({low} to {high})"
        lines.append(("attack", f"{found.poison} succeeds for {won} of its test inputs"))
    if found.poison:
        lines.append(("planted", f"{found.planted} of the examples"))
    if found.repair is not None:
        lines += [("cut", f"{found.repair.cut} units")] if found.repair.cut else []
        lines.append(("bundle", str(found.repair.folder)))
    lines += [("picture", str(path))] if path else []
    asked = ("audit",) if found.repair is None else ("replace", found.repair.folder)
    output.lines([*lines, *of_model(asked[0], target, *asked[1:])])
    return 0
