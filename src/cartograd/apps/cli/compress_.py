"""Make a trained model smaller or faster; writes a bundle that every command reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, Folder, Many, Margins, Part, Target, home
from cartograd.apps.cli.following import following, of_run
from cartograd.apps.cli.names import naming
from cartograd.apps.cli.words import part_of
from cartograd.core.errors import UsageError

if TYPE_CHECKING:
    from cartograd.engine.files.bundle import Bundle


def compress_(
    target: Target,
    /,
    *,
    steps: Annotated[Many, naming("step")] = (),
    budget: Annotated[Many, naming("budget")] = (),
    method: Annotated[str | None, naming("compressor")] = None,
    data: Data = None,
    part: Part = None,
    margin: Margins = (),
    out: Folder = None,
    resume: bool = False,
    json: bool = False,
) -> int:
    """Make a trained model smaller or faster; writes a bundle that every command reads.

    Args:
        target: a run or bundle folder, or published weights.
        steps: compressors and trainings (distill, fine-tune) in order, each measured beside the
            original, like prune-channels:amount=0.5 distill:epochs=2 int8-weights.
        budget: what it may cost, like size=1MB or latency=5ms: several ways are tried, and the best
            that is within it is chosen. The exit code is 1 if none is.
        method: a compressor alone, like int8-weights (`cartograd list compressor`).
        data: a source to learn from and be measured on; by default what it was trained on. With
            --method, one to calibrate on, for methods that need one, by default the same.
        part: train, valid, test or all: what steps are measured on, or what a method gets.
        margin: with --method, judge the small model as replace does, on test of the data: how much
            worse it may be, like accuracy=1%. The exit code is 1 if it may not replace the model.
        out: the folder to make; by default in the run's folder.
        resume: go on with steps that were stopped, in the same folder.
        json: print one object.
    """
    from cartograd.apps.load.target import as_bundle

    if steps and method is not None:
        raise UsageError("--method is a step alone; give --steps with all of them, or --method")
    if steps and margin:
        raise UsageError(
            "--margin judges what --method makes; of steps, judge the bundle: cartograd replace"
        )
    if budget and (steps or method is not None or margin):
        raise UsageError("--budget chooses the steps itself; give it alone, or the --steps")
    if resume and not (steps or budget):
        raise UsageError("--resume goes on with steps or a budget; give --steps or --budget again")
    part = None if part is None else part_of(part)
    bundle = as_bundle(target)
    if budget:
        return _within(bundle, budget, data, part, out, resume, json)
    if steps:
        return _in_steps(bundle, steps, data, part, out, resume, json)
    return _at_once(bundle, method, data, part or "train", margin, out, json)


def _in_steps(
    bundle: "Bundle", steps: tuple[str, ...], data: str | None, part: str | None,
    out: Path | None, resume: bool, json: bool,
) -> int:  # fmt: skip
    from cartograd.apps.results.slimmed import COLUMNS
    from cartograd.apps.verbs.compress_steps import compress_steps

    path = out or home(bundle) / "compressed"
    found = compress_steps(
        bundle, steps, data, folder=path, part=part, resume=resume, progress=not json
    )
    if json:
        output.emit(found.to_json())
        return 0
    heads = {"metric": f"{found.metric} (95 %)"}
    columns = [heads.get(column, column) for column in COLUMNS]
    output.table(columns, found.rows(), right=columns[1:])
    after = of_run("replace", home(bundle), bundle.signature, str(found.path / "bundle"))
    output.lines([*found.said, *after])
    return 0


def _within(
    bundle: "Bundle", budget: tuple[str, ...], data: str | None, part: str | None,
    out: Path | None, resume: bool, json: bool,
) -> int:  # fmt: skip
    from cartograd.apps.results.within import COLUMNS
    from cartograd.apps.verbs.compress_within import compress_within

    path = out or home(bundle) / "within"
    found = compress_within(
        bundle, budget, data, folder=path, part=part, resume=resume, progress=not json
    )
    if json:
        output.emit(found.to_json())
    else:
        columns = [found.metric if column == "metric" else column for column in COLUMNS]
        output.table(columns, found.rows(), right=columns[1:])
        made = [] if found.chosen is None else [str(found.path / "bundle")]
        after = of_run("replace", home(bundle), bundle.signature, *made) if made else []
        output.lines([*found.said, *after])
    return 0 if found.chosen is not None else 1


def _at_once(
    bundle: "Bundle", method: str | None, data: str | None, part: str, margin: tuple[str, ...],
    out: Path | None, json: bool,
) -> int:  # fmt: skip
    from cartograd.apps.verbs.compress import METHOD, compress_to
    from cartograd.core.spec import Spec

    spec = method or METHOD
    path = out or home(bundle) / Spec.parse(spec).name
    done = compress_to(bundle, path, data, method=spec, part=part, margin=margin)
    if json:
        output.emit(done.to_json())
    else:
        asked = (
            of_run("replace", home(bundle), bundle.signature, str(path))
            if done.judged is None
            else following("serve", path) if done.may else []
        )  # fmt: skip
        output.lines([*done.lines(), *asked])
    return 0 if done.may else 1
