"""Measure purifiers and detectors against an attack, also against one that knows of them."""

from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, Device, File, Part, Target, data_of, home
from cartograd.apps.cli.following import of_model
from cartograd.apps.cli.names import naming
from cartograd.apps.cli.words import part_of


def defend_(
    target: Target,
    /,
    *,
    data: Data = None,
    part: Part = None,
    method: Annotated[list[str] | None, naming("purifier or detector")] = None,
    attack: Annotated[str, naming("attack")] = "pgd:eps=0.05",
    draws: int = 4,
    examples: int = 200,
    out: File = None,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Measure purifiers and detectors against an attack, also against one that knows of them.

    Args:
        target: a run or bundle folder.
        data: a source, like digits; by default what the model was trained on.
        part: train, valid, test or all; by default as in `attack`.
        method: purifiers and detectors, like bit-depth:levels=8, jpeg, diffpure:run=RUN,
            feature-squeezing (`cartograd list purifier`, `cartograd list detector`); by default a
            few that need no other model and fit the inputs.
        attack: like pgd:eps=0.1 (eps in the units of the input; `cartograd list attack`).
        draws: of a random purifier, over which an attack on it averages.
        examples: how many to attack.
        out: the PNG file to write; by default defend.png in the run's folder.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.load.as_learned import as_learned
    from cartograd.apps.load.parts import part_of as chosen
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.defend import defend

    output.check_png(out)
    bundle = as_bundle(target)
    source = data_of(bundle, data)
    trained = bundle.about.get("data")
    read, lines = as_learned(source, trained)
    part, _ = chosen(part and part_of(part), read, trained)
    found = defend(
        bundle, read, method and list(dict.fromkeys(method)), method=attack, draws=draws,
        examples=examples, part=part, device=device,
    )  # fmt: skip
    path = found.draw(out or home(bundle) / "defend.png")
    if json:
        where = {"target": target, "data": source, "part": part, "picture": path}
        output.emit(where | found.to_json())
        return 0
    for line in (*lines, *found.notes):
        output.note(line)
    if found.purifications:
        heads = ("purifier", "clean", "attack unaware of it", "attack through it")
        output.table(heads, [one.row() for one in found.purifications])
    if found.detections:
        heads = ("detector", "AUC", "found at 5 % false alarms", "AUC of clean ones")
        output.table(heads, [one.row() for one in found.detections])
    counts = f"{found.examples} ({source}, {part}); {found.turned} turned"
    rows = [("attack", found.attack), ("examples", counts)]
    rows += [("picture", str(path))] if path else []
    output.lines([*rows, *of_model("audit", target, data=data)])
    return 0
