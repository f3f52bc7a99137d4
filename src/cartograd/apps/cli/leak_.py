"""Measure what a model gives away of the examples that it learned from; writes a picture."""

from pathlib import Path
from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, Device, File, Target, home
from cartograd.apps.cli.following import of_model
from cartograd.apps.cli.names import naming


def leak_(
    target: Target,
    /,
    *,
    data: Data = None,
    method: Annotated[list[str] | None, naming("privacy-attack")] = None,
    examples: int = 500,
    epsilon: float | None = None,
    delta: float | None = None,
    seed: int = 0,
    out: File = None,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Measure what a model gives away of the examples that it learned from; writes a picture.

    Who was in the training: membership asks how sure the model is, lira and rmia compare it with
    shadow models that are trained for it. What was in it: model-inversion makes pictures of its
    classes, gradient-inversion the picture whose gradient is shared. What it is itself: extraction
    copies it by its answers, equation-solving reads a softmax regression off them. And canaries
    audit a training with `--set canaries=200`: an eps that was declared and cannot be true is
    refuted.

    Args:
        target: a run or bundle folder.
        data: what the model was trained on, if the bundle does not say so.
        method: membership (the default), lira, rmia, canaries, model-inversion, gradient-inversion,
            extraction, equation-solving, with their settings, like lira:shadows=32 (`cartograd list
            privacy-attack`). Several draw a picture each.
        examples: how many members, and as many others, are looked at.
        epsilon: what the training is said to keep; by default what the account of a private run
            says.
        delta: the chance with which more may be told; alike.
        seed: of all draws.
        out: the PNG file to write; by default leak-METHOD.png in the run's folder.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.leak import leak
    from cartograd.core import registry
    from cartograd.core.spec import Spec

    output.check_png(out)
    bundle = as_bundle(target)
    methods = list(dict.fromkeys(method or ["membership"]))
    for one in methods:
        registry.find(Spec.parse(one).name, kind="privacy-attack")
    said = []
    for one in methods:
        found = leak(
            bundle, data, method=one, examples=examples, epsilon=epsilon, delta=delta, seed=seed,
            device=device,
        )  # fmt: skip
        name = Spec.parse(one).name
        picture = found.draw(_place(out, home(bundle), name, several=len(methods) > 1))
        if json:
            said.append(found.to_json() | {"picture": picture})
            continue
        for line in found.notes:
            output.note(line)
        output.table(found.found.columns, found.rows())
        lines = [("attack", found.method), ("data", found.source)]
        after = of_model("audit", target, data=data) if one == methods[-1] else []
        output.lines([*lines, *found.found.notes, ("picture", str(picture)), *after])
    if json:
        output.emit({"methods": said} if len(methods) > 1 else said[0])
    return 0


def _place(out: Path | None, folder: Path, name: str, *, several: bool) -> Path:
    """The file of a method's picture."""
    if out is None:
        return folder / f"leak-{name}.png"
    return out.with_name(f"{out.stem}-{name}{out.suffix}") if several else out
