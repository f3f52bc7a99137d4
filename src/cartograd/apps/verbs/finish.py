"""What follows a training: test metrics, bundle, speed and report; nothing of it loses the rest."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from cartograd.apps.load.adapter_folder import write_adapter
from cartograd.apps.results.baseline import Beside, against_constant
from cartograd.apps.results.evaluation import Evaluation
from cartograd.apps.verbs.decision import settle
from cartograd.apps.verbs.evaluate import evaluate
from cartograd.apps.verbs.federated import by_class
from cartograd.apps.verbs.judged_pairs import compares, told_apart
from cartograd.apps.verbs.kept_bundle import keep_bundle
from cartograd.apps.verbs.plan import Plan
from cartograd.apps.verbs.speed import note_speed
from cartograd.apps.verbs.yardstick import beside_training, spared, to_be_found
from cartograd.core.calibrated import Calibrating
from cartograd.core.decided import bare, likely
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Examples
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.files.bundle import statistics
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import Run
from cartograd.engine.loop.rehearsal import reason
from cartograd.practice.metrics.ece import ece

_T = TypeVar("_T")

REFERENCE = 4096
"""Training examples whose statistics are kept with the model, to notice drift."""

GOLDEN = 64
"""Test examples of which the bundle keeps the first with the model's answers."""


def finish(
    plan: Plan, done: Run, path: Path, processes: ProcessGroup, /, *, report: bool = True
) -> None:
    """Measure a trained model, and write its bundle and report.

    What fails after the training is a warning: what failed, why, and the command that makes it
    again. The bundle is written in any case, also if the evaluation ends the program: by Ctrl-C, or
    by a metric that exits.

    Raises:
        UsageError: the bundle cannot be written; the newest checkpoint has the weights.
        BaseException: what ended the evaluation, after the bundle was written.
    """
    again = f"cartograd evaluate {path}"
    found, failed, stopped = None, "", None
    _try("the calibration", "", partial(_calibrate, plan))
    chosen = _try("the choice on validation examples", "", partial(_settled, plan)) or {}
    try:
        found = _evaluated(plan)
    except Exception as error:
        failed = _told("the evaluation", error, again)
    except BaseException as error:
        stopped, failed = error, f"stopped in the evaluation; `{again}` makes it"
    if found is not None and to_be_found(_settings(plan)):
        constant = _try("the sentence on a constant answer", again, partial(_weighed, plan, found))
        found = replace(found, beside=() if constant is None else (constant,))
    if found is not None and processes.lead:
        beside, told = spared(partial(_yardstick, plan, path, found))
        found = replace(found, beside=(*found.beside, *beside), yardstick=told)
    if found is not None and "calibrate" in chosen:
        chosen["calibrate"] += _surer(plan, found)
    processes.lead_does(lambda: _write(plan, done, path, found, chosen))
    if failed:
        warnings.warn(failed, stacklevel=3)
    if stopped is not None:
        raise stopped
    if processes.lead:
        _try("the count of the speed", "", partial(note_speed, plan, path))
        if found is not None and report:
            _try("the report", again, partial(_report, plan, path, found))


def _evaluated(plan: Plan) -> Evaluation | None:
    """The metrics of the test part; of what compares answers, `_metrics` counts them."""
    if compares(plan):
        return None
    return evaluate(plan.model, plan.data.test, device=plan.value("device"))


def _metrics(plan: Plan, found: Evaluation | None) -> dict[str, dict[str, Any]]:
    """What was measured with its interval, and what else is known of it."""
    if compares(plan):
        return _try("the count of test pairs", "", partial(told_apart, plan)) or {}
    if found is None:
        return {}
    return {
        name: {"value": value, "low": found.intervals[name][0], "high": found.intervals[name][1]}
        | found.averages.get(name, {})
        | ({"approximate": found.doubts[name]} if name in found.doubts else {})
        for name, value in found.metrics.items()
    }


def _calibrate(plan: Plan) -> None:
    """Set the model right by the validation part, where the objective says so."""
    if isinstance(plan.objective, Calibrating):
        valid = plan.validation()["validate"]
        found = collect(plan.model, valid, device=plan.value("device"))
        plan.objective.calibrate(*found)


def _try(what: str, again: str, work: Callable[[], _T]) -> _T | None:
    """Do it, or warn and give None."""
    try:
        return work()
    except Exception as error:
        warnings.warn(_told(what, error, again), stacklevel=4)
        return None


def _yardstick(plan: Plan, path: Path, found: Evaluation) -> tuple[tuple[Beside, ...], str]:
    """The quick model on the same examples."""
    data, settings = plan.data, _settings(plan)
    parts = data.train, data.valid, data.test
    names = tuple(found.metrics)
    return beside_training(plan.model, parts, found.outputs, settings, names, folder=path)


def _weighed(plan: Plan, found: Evaluation) -> Beside | None:
    """Beside a constant answer where the classes were weighted in training."""
    if plan.model.signature.task.of_pixels:  # IoU weighs classes alike anyway
        return found.beside[0] if found.beside else None
    given = plan.model.signature, found.outputs, found.targets, found.intervals
    return against_constant(*given, weighted=True)


def _told(what: str, error: Exception, again: str) -> str:
    """What failed, why, and what makes it again."""
    said = str(error) if isinstance(error, UsageError) else reason(error)
    mend = f"; the weights are kept, and `{again}` makes it again" if again else ""
    return f"{what} failed: {said}{mend}"


def _settings(plan: Plan) -> dict[str, Any]:
    return {key: item.value for key, item in plan.words().items()}


def _settled(plan: Plan) -> dict[str, str]:
    """Thresholds and a temperature, put into the model's output port."""
    return settle(plan.model, plan.data.valid, _settings(plan), device=plan.value("device"))


def _surer(plan: Plan, found: Evaluation) -> str:
    """The calibration error of the test examples without the temperature and with it."""
    if "ece" not in found.metrics:
        return ""
    port = plan.model.signature.output
    raw, now = (float(ece(one(found.outputs, port), found.targets)) for one in (bare, likely))
    return f"; ece of the test examples {100 * raw:.1f} % before, {100 * now:.1f} % after"


def _write(
    plan: Plan, done: Run, path: Path, found: Evaluation | None, chosen: dict[str, str]
) -> None:
    """Write the bundle, with the test metrics if there are any."""
    test, train_part = plan.data.test, plan.data.train
    usual = train_part if plan.private is None else plan.data.valid  # whose numbers are told
    words = {key: item.value for key, item in plan.words().items() if item.value is not None}
    if "adapter" in words and not compares(plan):  # whose base has no head to put it beside
        how = {"adapter": words["adapter"], "base": words["model"]}
        apart = partial(write_adapter, path / "adapter", plan.model, **how)
        _try("the writing of the adapter apart", "", apart)
    keep_bundle(
        path,
        plan.model,
        _try("the reading of examples for the bundle", "", partial(_first, test)) or (),
        metrics=_metrics(plan, found),
        about={
            "data": words["data"],
            "source": plan.data.about,
            "settings": words,
            "steps": done.steps,
            "epoch": done.best.get("epoch"),
            "train examples": len(train_part),
            "test examples": len(test) if found is None else found.examples,
            "baseline": None if found is None else found.baseline,
            "baselines": [] if found is None else [one.to_json() for one in found.beside],
            "yardstick": None if found is None else found.yardstick,
        }
        | ({"decision": chosen} if chosen else {})
        | ({} if plan.private is None else {"privacy": plan.private.account(done.steps)})
        | _federated(plan, done),
        reference=_try("the count of statistics for drift", "", partial(_usual, usual)) or {},
    )


def _federated(plan: Plan, done: Run) -> dict[str, Any]:
    """Who had what and what was sent, where several trained together."""
    if plan.federation is None:
        return {}
    shown = {"classes of clients": by_class(plan.federation, plan.data)}
    return {"federated": plan.federation.account(done.steps) | shown}


def _first(part: Examples) -> tuple[Tensor, ...]:
    """Inputs whose answers the bundle keeps."""
    return part.select(range(min(GOLDEN, len(part)))).arguments


def _usual(part: Examples) -> dict[str, Tensor]:
    """What the inputs of the training were like."""
    return statistics(part.select(range(min(REFERENCE, len(part)))).inputs)


def _report(plan: Plan, path: Path, found: Evaluation) -> Path:
    # Imported late: matplotlib is slow to import, and runs that fail do not need it.
    from cartograd.apps.report.origin import origin_of
    from cartograd.apps.report.run import report

    origin = origin_of(path)
    return report(path / "report.html", plan.model, plan.data.test, found, origin=origin)
