"""Measure accuracy on inputs changed to mislead the model; writes a picture."""

from pathlib import Path

from cartograd.apps.cli import output
from cartograd.apps.cli.common import data_of, home, part_of


def attack_(
    target: str,
    /,
    *,
    data: str | None = None,
    part: str = "test",
    method: str | None = None,
    examples: int = 200,
    out: Path | None = None,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Measure accuracy on inputs changed to mislead the model; writes a picture.

    Args:
        target: a run or bundle folder.
        data: a source, like digits; by default what the model was trained on.
        part: train, valid, test or all.
        method: like pgd:eps=0.1,steps=20 (eps in the units of the input) or fgsm:eps=0.1.
        examples: how many to attack.
        out: the PNG file to write; by default attack.png in the run's folder.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.answers import units
    from cartograd.apps.cli import pictures
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.attack import METHOD, robustness

    bundle = as_bundle(target)
    source = data_of(bundle, data)
    robust = robustness(
        bundle,
        source,
        method=method or METHOD,
        examples=examples,
        part=part_of(part),
        device=device,
    )
    turned = (robust.before == robust.targets) & (robust.after != robust.targets)
    labels = bundle.signature.output.labels or tuple(map(str, range(bundle.signature.output.size)))
    titles = [
        (f"says {labels[before]}", f"says {labels[after]}")
        for before, after in zip(
            robust.before[turned].tolist(), robust.after[turned].tolist(), strict=True
        )
    ]
    path = pictures.attacked(
        out or home(bundle) / "attack.png",
        bundle.signature.input,
        robust.inputs[turned],
        robust.adversarial[turned],
        titles,
    )
    rows = {"clean": (robust.clean, robust.clean_interval)}
    rows |= {"under attack": (robust.robust, robust.robust_interval)}
    if json:
        output.emit(
            {"target": target, "data": source, "part": part, "method": robust.method}
            | {"examples": robust.examples, "turned": int(turned.sum()), "picture": path}
            | {
                key.replace(" ", "_"): {"accuracy": value, "low": low, "high": high}
                for key, (value, (low, high)) in rows.items()
            }
        )
        return 0
    output.table(
        ("inputs", "accuracy", "95 % interval"),
        [
            (key, units.percent(value), f"{units.percent(low)} to {units.percent(high)}")
            for key, (value, (low, high)) in rows.items()
        ],
        right=("accuracy",),
    )
    lines = [("attack", robust.method), ("examples", f"{robust.examples} ({source}, {part})")]
    output.lines(lines + ([("picture", str(path))] if path else []))
    return 0
