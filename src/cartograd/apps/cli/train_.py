"""Train a model on data; writes a run folder.

What is left out is chosen for the model and the data. Ctrl-C saves, and --resume goes on.
"""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cartograd.apps.cli import common, gates, output
from cartograd.apps.cli.following import following, line, of_run
from cartograd.apps.cli.launch import MISTAKES, RunNoted, launch
from cartograd.apps.cli.names import naming
from cartograd.apps.load.options import told
from cartograd.core.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from cartograd.core.ports import Signature


TOLD = ("baseline", "baselines", "yardstick", "decision")
"""What a bundle tells of its result besides the metrics."""


def train_(
    model: Annotated[
        str | None, naming("resumed", only=("resume",)), naming("begins", unless=("resume",))
    ] = None,
    /,
    *,
    data: Annotated[str | None, naming("data")] = None,
    target: str | None = None,
    optimizer: Annotated[str | None, naming("optimizer spec")] = None,
    epochs: int | None = None,
    set_: Annotated[
        tuple[str, ...],
        Parameter(name="--set", consume_multiple=True, help=told()),
        naming("settings"),
    ] = (),
    config: Annotated[Path | None, naming("config")] = None,
    folder: Path | None = None,
    resume: bool = False,
    seeds: int | None = None,
    minutes: float | None = None,
    beat_baseline: bool = False,
    nproc: int | None = None,
    on: str | None = None,
    dry_run: bool = False,
    print_config: bool = False,
    json: bool = False,
) -> int:
    """Train a model on data; writes a run folder.

    Args:
        model: a model with its arguments, like lenet5 or resnet:depth=18,width=32; or where to
            begin: published weights, a run or a bundle (--set freeze=true trains a new last layer
            alone); with --resume the run folder. Left out, one is chosen that fits the data; auto
            tries many for --minutes and keeps the best, or an average.
        data: a source, like digits, folder:PATH or csv:FILE,target=COLUMN; or a path: a folder of
            pictures, sounds or texts, a table, a text.
        target: the column of a table to predict, or columns of 0 and 1 with commas between them;
            one called target, label, class or y is found.
        optimizer: like adamw:lr=3e-3 or sgd:lr=0.1,momentum=0.9.
        epochs: how many times to go through the training data.
        set_: further settings as KEY=VALUE.
        config: a TOML file of settings, or a run folder; flags win. `cartograd show settings
            --json` prints its JSON schema.
        folder: the run folder to make; by default the next free runs/MODEL-DATA-N.
        resume: go on with a run that was stopped.
        seeds: train so many times, by one seed after the other, and tell mean, spread and interval
            over seeds and examples; the runs are FOLDER-seed0, FOLDER-seed1, ...
        minutes: of train auto: how long models are tried (10).
        beat_baseline: the exit code is 1 unless the model is better than the best constant answer
            and than a quick strong model, by the whole 95 % interval.
        nproc: how many processes of this machine share the work; --set parallel=ddp, fsdp or
            tensor says how.
        on: ray, or ray://HOST:PORT: share the work on a Ray cluster, by --nproc workers (2).
        dry_run: show shapes, parameters, FLOPs, memory and minutes; train and write nothing.
        print_config: show each value and where it came from; train and write nothing.
        json: print one object.
    """
    from cartograd.apps.load import settings

    _check_processes(nproc, on, seeds)
    data = _with_target(data, target)
    if model == "auto" or minutes is not None:
        from cartograd.apps.cli.auto import searched

        others = {"--optimizer": optimizer, "--epochs": epochs, "--config": config}
        others |= {"--seeds": seeds, "--nproc": nproc, "--on": on, "--dry-run": dry_run}
        others |= {"--print-config": print_config}
        return searched(model, data, minutes, folder, resume, set_, others, beat_baseline, json)
    if beat_baseline:
        others = {"--nproc": nproc, "--on": on, "--seeds": seeds, "--dry-run": dry_run}
        others["--print-config"] = print_config
        gates.check_alone(others, settings.parsed(set_))
    here = on or print_config or dry_run or MISTAKES in os.environ
    if (nproc or 1) > 1 and not here:
        return launch(common.words, nproc or 1)
    from cartograd.engine.distributed.parent import end_with_parent

    end_with_parent()
    from cartograd.apps.verbs.train import train

    begins, folder = _own(model, folder, resume)
    given = settings.parsed(set_)
    flags = {"optimizer": optimizer, "epochs": epochs}
    for key, value in flags.items():
        if value is not None and key in given:
            raise UsageError(f"{key} is given twice: as a flag and with --set")
    given |= {key: value for key, value in flags.items() if value is not None}
    if print_config or dry_run:
        from cartograd.apps.cli.planned_run import show_plan

        return show_plan(
            begins, data, folder, resume, given | {"config": config}, dry_run, json, seeds
        )
    if on is not None:
        words = given | {"model": None if resume else begins, "data": data, "config": config}
        return _on_ray(on, words, folder, nproc or 2)
    if seeds is not None:
        from cartograd.apps.cli.groups import repeated

        return repeated(begins, data, folder, resume, seeds, given | {"config": config}, json)
    if resume:
        _tell_anew(Path(folder or str(begins)))
    noted = [RunNoted(os.environ[MISTAKES])] if MISTAKES in os.environ else []
    shown = [True, *noted]
    done = train(begins, data, folder=folder, resume=resume, config=config, progress=shown, **given)
    return _show_run(done, json, beat_baseline)


def _with_target(data: str | None, target: str | None) -> str | None:
    if target is None:
        return data
    if data is None:
        raise UsageError("--target names a column of --data, once")
    return common.with_target(data, target)


def _check_processes(nproc: int | None, on: str | None, seeds: int | None) -> None:
    """Refuse numbers of processes that cannot be."""
    if nproc is not None and nproc < 1:
        raise UsageError(f"--nproc {nproc} is out of range; expected at least 1")
    if seeds is not None and (nproc or on):
        raise UsageError("--seeds trains one after the other; leave --nproc and --on out")


def _own(
    model: str | None, folder: Path | None, resume: bool
) -> tuple["str | nn.Module | None", Path | None]:
    """The model, which may be code that the user has named, and the run folder."""
    from cartograd.core import user_code

    if user_code.named() is None:
        return model, folder
    if resume and model is not None and folder is None:
        model, folder = None, Path(model)
    if model is not None:
        raise UsageError(f"two models are given, {model} and --model; name one")
    return user_code.make(), folder


def _tell_anew(folder: Path) -> None:
    """Say so where a run was broken off before its first checkpoint."""
    from cartograd.engine.logging.run_folder import is_run

    if is_run(folder) and not any((folder / "checkpoints").glob("step-*")):
        output.note(f"{folder} holds no checkpoint yet, so its run begins anew")


def _on_ray(address: str, words: dict[str, Any], folder: Path | None, workers: int) -> int:
    from cartograd.apps.verbs.ray import on_ray

    if folder is None or words["model"] is None or words["data"] is None:
        raise UsageError("--on needs a model, --data, and a --folder that all workers see")
    if words["config"] is not None:
        words["config"] = str(words["config"].resolve())
    output.lines([("run", str(on_ray(address, words, folder=folder, workers=workers)))])
    return 0


def _show_run(done: Any, json: bool, beat: bool = False) -> int:
    from cartograd.apps.answers.averaged import spoken
    from cartograd.apps.answers.target_unit import of_target
    from cartograd.apps.results.evaluation import approximate
    from cartograd.engine.distributed.process_group import leads, world_size
    from cartograd.engine.files.bundle import load

    if not leads():  # the first of several processes tells
        return 128 + signal.Signals[done.signal] if done.stopped == "interrupted" else 0
    if done.stopped == "interrupted":
        several = ["--nproc", world_size()] if MISTAKES in os.environ else []
        again = line("train", done.folder, "--resume", *several)
        output.note(f"stopped at step {done.steps}; the checkpoint is saved. Go on with: {again}")
        if json:
            output.emit({"folder": done.folder, "stopped": done.stopped, "resume": again})
        return 128 + signal.Signals[done.signal]
    bundle = load(done.folder)
    beaten = gates.beaten(bundle.about.get("baselines") or [], bundle.about.get("yardstick"))
    failed = int(beat and not beaten["passed"])
    if json:
        keys = ("folder", "stopped", "steps", "skipped", "best")
        output.emit(
            {key: getattr(done, key) for key in keys}
            | {"epochs": len(done.history), "test": bundle.metrics, "digest": bundle.digest}
            | {key: bundle.about.get(key) for key in TOLD}
            | ({"gates": [beaten], "passed": beaten["passed"]} if beat else {})
        )
        return failed
    output.verdict(bundle.about.get("baseline") or "")
    output.metrics(
        {name: x["value"] for name, x in bundle.metrics.items()},
        {name: (x["low"], x["high"]) for name, x in bundle.metrics.items()},
        bundle.metrics,
    )
    doubts = {
        spoken(name, x): x["approximate"]
        for name, x in bundle.metrics.items()
        if "approximate" in x
    }
    page, film = done.folder / "report.html", done.folder / "samples" / "growth.gif"
    epochs = f"{len(done.history)} epoch" + ("s" if len(done.history) != 1 else "")
    best = f", the best of them {done.best['epoch']}" if done.best else ""
    early = ", stopped early" if done.stopped == "early" else ""
    skipped = f"; {done.skipped} of {done.steps} steps left out" if done.skipped else ""
    unit = of_target(bundle.metrics, bundle.signature.output)
    output.lines(
        [
            ("measured", f"on {bundle.about['test examples']} test examples{unit}"),
            *output.decided(bundle.about),
            *([("approximate", approximate(doubts))] if doubts else []),
            *([("yardstick", bundle.about["yardstick"])] if bundle.about.get("yardstick") else []),
            ("trained", f"{epochs}{best}{early}{skipped}"),
            ("run", str(done.folder)),
            *([("samples", str(film))] if film.exists() else []),
            *([("report", str(page))] if page.exists() else []),
            *_after(done.folder, bundle.signature),
        ]
    )
    if beat:
        gates.told(beaten)
    return failed


def _after(folder: Path, signature: "Signature") -> list[tuple[str, str]]:
    """What comes next; of a language model, what it learned beside its weights, and forgot."""
    if signature.output.task != "next-token" or not (folder / "adapter").is_dir():
        return of_run("evaluate", folder, signature)
    return following("evaluate", folder, "--against", "before")
