"""The report of a model: which sections it has, and what each is given."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cartograd.apps.answers import units
from cartograd.apps.answers.private import bounded
from cartograd.apps.report.boxed import boxed
from cartograd.apps.report.by_slice import by_slice
from cartograd.apps.report.clients import clients
from cartograd.apps.report.configuration import configuration
from cartograd.apps.report.confusion import confusion
from cartograd.apps.report.curves import curves
from cartograd.apps.report.data_kept import data_kept
from cartograd.apps.report.following import following
from cartograd.apps.report.forecasts import forecasts
from cartograd.apps.report.grown import grown
from cartograd.apps.report.labels import labels
from cartograd.apps.report.masked import masked
from cartograd.apps.report.metrics import Measured, metrics
from cartograd.apps.report.mistakes import mistakes
from cartograd.apps.report.origin import Origin, origin_of, title_of
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section
from cartograd.apps.report.provenance import provenance
from cartograd.apps.report.ranking import ranking
from cartograd.apps.report.regression import regression
from cartograd.apps.report.reliability import reliability
from cartograd.apps.report.speed import speed
from cartograd.apps.report.translations import translations
from cartograd.core.decided import likely
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.task import MANY
from cartograd.data.dataset.dataset import Examples

if TYPE_CHECKING:
    from cartograd.apps.results.evaluation import Evaluation

_KINDS = {
    "image": "pictures",
    "table": "rows",
    "text": "texts",
    "audio": "sounds",
    "series": "series",
}


def report(
    path: str | Path,
    model: Signed,
    examples: Examples,
    found: "Evaluation",
    /,
    *,
    origin: Origin | None = None,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
    figures: Sequence[Figure] = (),
    more: Sequence[Section | None] = (),
    on: str = "",
    command: str = "",
) -> Path:
    """Write what is known of a model and of how it did on examples.

    Args:
        path: the HTML file to write; an older one is replaced.
        model: what was evaluated.
        examples: what it was evaluated on.
        found: what came of that.
        origin: how the model came to be (`origin_of` finds it): curves and configuration.
        baselines: metrics to compare with, by the name of each baseline; the best comes last.
            By default those that the evaluation compared with.
        figures: further numbers for the head.
        more: further sections, before configuration and provenance.
        on: what the examples are, if they are not the test part of the model's own data.
        command: the command line that makes the same again.

    Raises:
        UsageError: the file cannot be written.
    """
    origin = origin or Origin()
    if baselines is None:
        baselines = {one.name: one.metrics for one in found.beside if one.metrics}
    sections = [
        metrics(
            _measured(found),
            where=_where(found, on),
            baselines=baselines,
            spoken=found.spoken,
            approximate=found.approximate(units.heading),
        ),
        curves(origin.history, best=origin.about.get("epoch"), stopped=origin.stopped),
        grown(origin.grids),
        clients(origin.about.get("federated"), model.signature.output.labels),
        *_answers(examples, found),
        by_slice(found.slices, list(found.metrics)),
        *more,
        data_kept(Path(path).parent),
        following(origin.place, model.signature, answers=examples.signature.task.sections),
        speed(origin.speed),
        configuration(origin.settings, command=command),
        provenance(_facts(origin)),
    ]
    return write_report(
        path,
        sections,
        title=title_of(model, origin.data),
        summary=_summary(origin, model.signature, _where(found, on)),
        verdict=f"This is {found.baseline}." if found.baseline else "",
        figures=[*_figures(found, baselines), *figures],
        seal=origin.digest,
    )


def evaluated(path: str | Path, found: "Evaluation", /) -> Path:
    """Write the report of an evaluation.

    Raises:
        UsageError: the model and its examples are not known any more, or the file cannot be
            written.
    """
    seen = found.seen
    if seen is None:
        raise UsageError("this evaluation does not know its model; take what `evaluate` returns")
    origin, on = origin_of(seen.target), measured_on(found)
    return report(path, seen.model, seen.examples, found, origin=origin, on=on)


def measured_on(found: "Evaluation", /) -> str:
    """The data and its part; empty if they are the test part of what the model was trained on."""
    seen = found.seen
    if seen is None or not seen.data:
        return "the examples given"
    own = seen.data == origin_of(seen.target).about.get("data") and seen.part == "test"
    return "" if own else f"{seen.data} ({seen.part})"


def _answers(examples: Examples, found: "Evaluation") -> list[Section | None]:
    """What the answers look like: the sections that the task names."""
    return [ANSWERS[name](examples, found) for name in examples.signature.task.sections]


def _few(examples: Examples, found: "Evaluation") -> bool:
    """Whether there are so few classes that a table or a picture can show them."""
    return (examples.signature.classes or 0) <= MANY and found.outputs.ndim == 2


def _confusion(examples: Examples, found: "Evaluation") -> Section | None:
    if not _few(examples, found):
        return None
    return confusion(found.outputs, found.targets, examples.signature.output.labels)


def _ranking(examples: Examples, found: "Evaluation") -> Section | None:
    if not _few(examples, found):
        return None
    return ranking(found.outputs, found.targets, examples.signature.output.labels)


def _reliability(examples: Examples, found: "Evaluation") -> Section | None:
    if not _few(examples, found):
        return None
    port = examples.signature.output if found.seen is None else found.seen.model.signature.output
    return reliability(likely(found.outputs, port), found.targets)


def _mistakes(examples: Examples, found: "Evaluation") -> Section | None:
    return mistakes(examples, found.outputs) if _few(examples, found) else None


def _regression(examples: Examples, found: "Evaluation") -> Section | None:
    single = found.outputs.shape[1:] == (1,)
    return regression(examples, found.outputs) if single else None


def _forecasts(examples: Examples, found: "Evaluation") -> Section | None:
    return forecasts(examples, found.outputs, found.targets)


def _labels(_: Examples, found: "Evaluation") -> Section | None:
    return labels(found.labels)


def _translations(_: Examples, found: "Evaluation") -> Section | None:
    return translations(found.texts) if found.texts else None


ANSWERS: dict[str, Callable[[Examples, "Evaluation"], Section | None]] = {
    "confusion": _confusion,
    "ranking": _ranking,
    "reliability": _reliability,
    "mistakes": _mistakes,
    "regression": _regression,
    "forecasts": _forecasts,
    "labels": _labels,
    "translations": _translations,
    "masks": masked,
    "boxes": boxed,
}
"""The sections about answers that tasks may name."""


def _measured(found: "Evaluation") -> dict[str, Measured]:
    return {name: Measured(value, *found.intervals[name]) for name, value in found.metrics.items()}


def _figures(found: "Evaluation", baselines: Mapping[str, Mapping[str, float]], /) -> list[Figure]:
    """The first metric with its interval, the calibration error if there is one, the costs."""
    figures = []
    for rank, (name, value) in enumerate(found.metrics.items()):
        if rank > 0 and name not in ("ece", "r2"):
            continue
        remark = units.ends(name, *found.intervals[name])
        beside = [(other, given[name]) for other, given in baselines.items() if name in given]
        if rank == 0 and beside:
            other, figure = beside[-1]
            remark += f"; {other} {units.metric(name, figure)}"
        figures.append(Figure(units.heading(found.spoken(name)), units.metric(name, value), remark))
    weights = f"{found.parameters:,} parameters"
    return [
        *figures,
        Figure("Size", units.size(found.size), weights),
        Figure("Latency", units.seconds(found.latency), _half(found.half)),
    ]


def _half(half: tuple[float, float] | None) -> str:
    """Between which times half of the calls for one example were."""
    if half is None:
        return "for one example"
    return f"for one example; half of the calls: {' to '.join(map(units.seconds, half))}"


def _where(found: "Evaluation", on: str) -> str:
    """What the numbers were measured on."""
    return f"{found.examples:,} examples " + (f"of {on}" if on else "that training never saw")


def _summary(origin: Origin, signature: Signature, where: str) -> str:
    """What goes in and comes out, what was trained on what, and what it was measured on."""
    what = f"It takes {_input(signature.input)} and answers with {_output(signature)}. "
    if "train examples" not in origin.about:
        return f"{what}Measured on {where}."
    epochs = f" in {len(origin.history)} epochs" if origin.history else ""
    count = f"{origin.about['train examples']:,}"
    return f"{what}Trained on {count} examples{epochs}; measured on {where}."


def _input(port: Port) -> str:
    dims = "×".join(map(str, port.dims[1:] if port.kind == "image" else port.dims))
    if port.kind == "image":
        return f"pictures of {dims} pixels"
    if port.kind == "table":
        return f"rows of {len(port.columns)} columns"
    return f"{_KINDS.get(port.kind, 'numbers')} of shape {dims}"


def _output(signature: Signature) -> str:
    port = signature.output
    sized = all(isinstance(dim, int) for dim in port.dims)
    values = f"{port.size if sized else '×'.join(map(str, port.dims))} values"
    values = f"the {port.name}" if sized and port.size == 1 else values
    return signature.task.means.format(classes=signature.classes or len(port.labels), values=values)


def _facts(origin: Origin) -> dict[str, str]:
    """The bundle's digest and where the data came from."""
    facts = {"bundle, BLAKE3": origin.digest} if origin.digest else {}
    if "privacy" in origin.about:
        facts["privacy"] = bounded(origin.about["privacy"])
    source = origin.about.get("source", {})
    source = dict(source) if isinstance(source, dict) else {"source": source}  # published weights
    for number, line in enumerate(source.pop("decided", ()), start=1):
        facts[f"data, decided {number}"] = str(line)
    for key, value in source.items():
        if isinstance(value, str | int | float):
            facts[key if key.startswith("data") else f"data, {key}"] = str(value)
    return facts
