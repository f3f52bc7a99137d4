"""Measure accuracy on inputs changed to mislead the model; writes a picture."""

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, data_of, home, part_of


def attack_(
    target: str,
    /,
    *,
    data: str | None = None,
    part: str | None = None,
    method: str | None = None,
    examples: int = 200,
    out: File = None,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Measure accuracy on inputs changed to mislead the model; writes a picture.

    Args:
        target: a run or bundle folder.
        data: a source, like digits; by default what the model was trained on.
        part: train, valid, test or all; by default test of what the model was trained on, and all
            of other files or folders that do not come in parts.
        method: like pgd:eps=0.1,steps=20 (eps in the units of the input) or fgsm:eps=0.1.
        examples: how many to attack.
        out: the PNG file to write; by default attack.png in the run's folder.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.load.as_learned import as_learned
    from cartograd.apps.load.parts import part_of as chosen
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.attack import METHOD, robustness

    bundle = as_bundle(target)
    source = data_of(bundle, data)
    trained = bundle.about.get("data")
    read, lines = as_learned(source, trained)
    for line in lines:
        output.note(line)
    part, _ = chosen(part and part_of(part), read, trained)
    found = robustness(
        bundle,
        read,
        method=method or METHOD,
        examples=examples,
        part=part,
        device=device,
    )
    path = found.draw(out or home(bundle) / "attack.png")
    if json:
        where = {"target": target, "data": source, "part": part, "picture": path}
        output.emit(where | found.to_json())
        return 0
    output.table(("inputs", "accuracy", "95 % interval"), found.rows(), right=("accuracy",))
    lines = [("attack", found.method), ("examples", f"{found.examples} ({source}, {part})")]
    output.lines(lines + ([("picture", str(path))] if path else []))
    return 0
