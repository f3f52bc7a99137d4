"""Measure a trained model on data, with 95 % intervals.

With --min, --max or --beat-baseline it is a gate: the exit code is 1 where it fails.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cartograd.apps.cli import gates, output
from cartograd.apps.cli.before_after_ import before_after
from cartograd.apps.cli.common import Data, Device, File, Many, Part, Seed, data_of, home
from cartograd.apps.cli.exams_ import check_wanted, exams
from cartograd.apps.cli.following import of_run
from cartograd.apps.cli.names import naming
from cartograd.apps.cli.words import part_of, split
from cartograd.core.errors import UsageError

if TYPE_CHECKING:
    from cartograd.apps.results.evaluation import Evaluation
    from cartograd.apps.verbs.judge import Judges
    from cartograd.engine.files.bundle import Bundle

Limits = Annotated[
    tuple[str, ...], Parameter(consume_multiple=True), naming("limits", unless=("tasks",))
]
"""A flag of metrics and what they have to keep."""

MOST = 2
"""Metrics of each group that are shown; `--json` has all."""


def evaluate_(
    target: Annotated[
        str, naming("target", unless=("tasks",)), naming("answerer", only=("tasks",))
    ],
    /,
    *,
    data: Data = None,
    part: Part = None,
    metrics: Annotated[Many, naming("metrics", unless=("tasks",))] = (),
    min_: Annotated[Limits, Parameter(name="--min")] = (),
    max_: Annotated[Limits, Parameter(name="--max")] = (),
    beat_baseline: bool = False,
    judge: Annotated[str | None, naming("target", unless=("tasks",))] = None,
    normal: Many = (),
    slices: Many = (),
    tasks: Many = (),
    against: Annotated[str | None, naming("against")] = None,
    plain: str | None = None,
    shots: int | None = None,
    limit: int | None = None,
    seed: Seed = None,
    chat: bool = False,
    out: File = None,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Measure a trained model on data, or a language model on tasks, with 95 % intervals.

    Args:
        target: a run or bundle folder, or an ONNX file; with --tasks any language model, also an
            address of OpenAI's protocol, like http://host:8000/v1#model.
        data: a source, like digits; by default what the model was trained on.
        part: train, valid, test or all; by default test of what the model was trained on, and all
            of other files or folders that do not come in parts.
        metrics: like accuracy,f1,ece; by default what is usual for the model.
        min_: a metric that must reach a value, like accuracy=0.95.
        max_: a metric that must not exceed a value, like nll=0.2.
        beat_baseline: the exit code is 1 unless the model is better than the best constant answer
            and than a quick strong model, by the whole 95 % interval.
        judge: of a generative model: a run or bundle of a classifier, by whose features drawn
            examples are compared with real ones, and which says whether they are of their class.
            Of pictures with classes two small ones are trained on first need and kept.
            With --tasks a language model that gives verdicts by a task's rubric.
        normal: of a generative model: classes that are normal, with commas; also measured is how
            well the model's score of strangeness tells the others from them.
        slices: class, brightness, image-size, length or columns of the table, with commas: each
            group of the examples is held against the rest, and may be worse.
        tasks: task files of lm-evaluation-harness's keys (TOML, YAML), items in JSON lines, or
            mmlu-dev, mmlu-dev-text, mmlu-dev-cot, limits (or limits-digits, limits-steps,
            limits-length, limits-products).
        against: another language model, asked the same: paired differences and flips. Without
            --tasks both read the same chats; `before` is what the training of a run began from.
        plain: with --against: pages that were nothing to learn from, like pages.txt, whose
            perplexity tells what was forgotten.
        shots: worked examples before each item, whatever the task says.
        limit: only so many items of each task, or chats to answer, the first ones.
        seed: of examples that are drawn and answers that are sampled; 1234 if not given.
        chat: put prompts into the model's template of a chat.
        out: a file for every answer to tasks, one JSON object a line.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    check_wanted(given := locals())
    from cartograd.apps.answers import units
    from cartograd.apps.answers.multi_label import LIKELY
    from cartograd.apps.answers.target_unit import of_target
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.evaluate import evaluate, usual

    limits = [(*gates.limit(x), "min") for x in min_] + [(*gates.limit(x), "max") for x in max_]
    if tasks:
        told = {"against": against, "judge": judge, "shots": shots, "limit": limit, "chat": chat}
        return exams(target, tasks, limits=limits, seed=seed, out=out, json=json, **told)
    if against is not None:
        return before_after(given, split(metrics))
    bundle = as_bundle(target)
    names = list(split(metrics)) or list(usual(bundle.model))
    names += [name for name, _, _ in limits if name not in names]
    source = data_of(bundle, data)
    part = part and part_of(part)
    own = judge or _judges(bundle, source, names)
    found = evaluate(
        bundle, source, part=part, metrics=names, judge=own, normal=split(normal),
        slices=split(slices), device=device,
    )  # fmt: skip
    output.notes(found.notes)
    page = _report(bundle, found)
    kept = [gates.gate(found.metrics[name], name, limit, word) for name, limit, word in limits]
    beaten = gates.beaten([one.to_json() for one in found.beside], found.yardstick)
    asked = [*kept, *([beaten] if beat_baseline else [])]
    passed = all(gate["passed"] for gate in asked)
    part = found.seen.part if found.seen else part
    if json:
        where = {"target": target, "data": source, "part": part, "part_is": found.why or None}
        output.emit(where | {"report": page} | found.to_json() | {"gates": asked, "passed": passed})
        return 0 if passed else 1
    output.verdict(found.baseline)
    output.metrics(found.metrics, found.intervals, found.averages)
    unit = of_target(found.metrics, bundle.signature.output)
    usual_likely = found.labels and not found.thresholds
    _tables(found)
    output.lines(
        [
            *([("labels", f"given from a probability of {LIKELY} on")] if usual_likely else []),
            *output.decided(bundle.about),
            *([("positive", found.positive)] if found.positive else []),
            ("measured", f"on {found.examples} examples ({source}, {found.why or part}){unit}"),
            *([("approximate", found.approximate())] if found.doubts else []),
            *([("yardstick", found.yardstick)] if found.yardstick else []),
            ("model", f"{found.parameters:,} parameters, {units.size(found.size)}"),
            ("latency", f"{units.took(found.latency, found.half)} for one example"),
            ("report", str(page) if page else "none"),
            *of_run("explain", target, bundle.model.signature),
        ]
    )
    gates.all_told(kept, [found.spoken(name) for name, _, _ in limits])
    if beat_baseline:
        gates.told(beaten)
    return 0 if passed else 1


def _tables(found: "Evaluation") -> None:
    """The figures of each label, of each class of pixels or boxes, and of each group."""
    from cartograd.apps.results import of_boxes, of_pixels
    from cartograd.apps.results.by_label import HEAD
    from cartograd.apps.results.by_slice import head

    if told := found.labels:
        output.table(HEAD, [one.row() for one in told], right=HEAD[1:5])
    if classes := found.classes:
        output.table(of_pixels.HEAD, [one.row() for one in classes], right=of_pixels.HEAD[1:])
    if boxes := found.boxes:
        output.table(of_boxes.HEAD, [one.row() for one in boxes], right=of_boxes.HEAD[1:])
    if found.slices:
        shown = list(found.metrics)[:MOST]
        output.table(head(shown), [one.row(shown) for one in found.slices], right=["examples"])


def _judges(bundle: "Bundle", source: Any, metrics: list[str]) -> "Judges | None":
    """The judges of the data that a model's pictures are like; None where there are none."""
    from cartograd.apps.load.source import dataset
    from cartograd.apps.verbs.drawn_samples import draws_itself, is_of_samples
    from cartograd.apps.verbs.judges import has_judges, judges_of, of_all_classes

    signature = bundle.model.signature
    draws = signature.draws or draws_itself(bundle.model)
    if not draws or signature.example.kind != "image":
        return None
    if not any(map(is_of_samples, metrics)):
        return None
    data = dataset(of_all_classes(source))
    if not has_judges(data):
        return None
    found = judges_of(data, said=output.note)
    output.note(f"measured by the judges of {data.name} ({found.digest}); --judge names another")
    return found


def _report(bundle: "Bundle", found: "Evaluation") -> Path | None:
    """Write the report beside the bundle, under a name of its own for other data.

    A gate has to give its answer on a disk that cannot be written too: then there is none.
    """
    from cartograd.apps.report.run import measured_on

    words = re.sub(r"[^\w.-]+", "-", measured_on(found)).strip("-.")
    try:
        return found.draw(home(bundle) / (f"report-{words}.html" if words else "report.html"))
    except UsageError as error:
        output.note(f"no report: {error}")
        return None
