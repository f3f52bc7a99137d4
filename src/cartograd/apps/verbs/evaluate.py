"""Evaluate: a model's metrics on data, each with its interval, and what the model costs to run."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor, nn

from cartograd.apps.answers.averaged import about, measure, why_positive
from cartograd.apps.answers.decisions import probable
from cartograd.apps.answers.detect import best_boxes
from cartograd.apps.answers.masked_evaluation import masked_examples
from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import decided_on, part_of, trained_on
from cartograd.apps.load.source import Data, examples_for
from cartograd.apps.load.target import Target, as_bundle, as_signed, name_of
from cartograd.apps.load.weight import learned, size
from cartograd.apps.results.against_plain import baseline
from cartograd.apps.results.evaluation import Evaluation, Seen
from cartograd.apps.verbs.anomaly import ANOMALIES, of_anomalies
from cartograd.apps.verbs.by_slice import sliced
from cartograd.apps.verbs.drawn_samples import (
    MOST,
    drawn_figures,
    draws_itself,
    is_of_samples,
    own_examples,
    shown,
    spread,
)
from cartograd.apps.verbs.generative_model import Generative
from cartograd.apps.verbs.judge import Judges, as_judges
from cartograd.apps.verbs.latency import latency
from cartograd.apps.verbs.written_texts import (
    check_writes,
    is_of_texts,
    measured,
    texts_of,
    usual_of_texts,
)
from cartograd.apps.verbs.yardstick import beside_evaluation, spared, to_be_found
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.core.task import find
from cartograd.data.dataset.dataset import Dataset, Examples
from cartograd.engine.device.device import pick
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import Run
from cartograd.practice.deployment.in_turns import Spent

NUMBERS = 2**25
"""Most logits of one batch of texts, as long as these usually are."""

GENERATE = "generate"
"""The task whose metrics of drawn examples are taken of all that a judge is asked about."""

BATCH = 256
"""Examples that go through a model at once."""

Measure = Callable[..., float]


def evaluate(
    target: Target,
    data: Data,
    /,
    *,
    metrics: Sequence[str | Measure] = (),
    part: str | None = None,
    judge: Target | Judges | None = None,
    normal: Sequence[str | int] = (),
    slices: Sequence[str] = (),
    batch_size: int = BATCH,
    device: str = "auto",
) -> Evaluation:
    """Measure a model on examples.

    A masked language model (BERT before fine-tuning) is measured on masked tokens.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        metrics: specs of metrics, or functions of all outputs and targets, which are called by
            their names; by default those of the output's task.
        part: `train`, `valid`, `test` or `all`; by default `test` of what the model was trained
            on, and `all` of other files or folders that do not come in parts.
        judge: a classifier, by whose features drawn examples are compared, and which names them.
        normal: of a generative model: classes that are normal; also measured is how well the
            model's score (`generative_model(target).score`) tells the others from them.
        slices: ways to part the examples, each of whose groups is held against the rest: `class`,
            `brightness`, `image-size`, `length`, or columns of the table.
        batch_size: examples that go through the model at once.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Metrics of texts (BLEU, chrF) are of what a translator writes by itself, token by token, where
    the others are of the next token after the right ones; of a language model on chats, of the last
    answer in each (`metrics=["rouge-l"]`).

    Raises:
        UsageError: the target is no model, the data does not fit it, or a metric is unknown or
            cannot be taken of such outputs.
    """
    target = target if isinstance(target, nn.Module | Run) else as_bundle(target)
    model = as_signed(target)
    given = {_name(one): one for one in tuple(metrics) or usual(model)}
    chosen = tuple(given)
    measures, of_texts, of_samples = measures_of(model, given)
    own = draws_itself(model)
    if judge is not None and own and not of_samples:
        of_samples = list(find(GENERATE).sample_metrics)
    if judge is not None and not of_samples:
        raise UsageError(
            f"judge={judge} is of examples that a model makes; {name_of(model)} makes none, or "
            "none of its metrics is of such examples; leave it out"
        )
    trained = trained_on(target)
    read, notes = as_learned(data, trained)
    part, why = part_of(part, read, trained)
    found = examples_for(model.signature, read, part, tokenizer=model.tokenizer, notes=notes)
    examples = masked_examples(model, found)
    outputs, targets, values, intervals, doubts = figures(
        model, examples, measures, batch_size=batch_size, device=device
    )
    if of_samples:
        drawn = own_examples(model, examples, device=device) if own else shown(model, outputs)
        of_drawn = drawn_figures(of_samples, drawn, examples, judges=as_judges(judge))
        chosen += tuple(name for name in of_drawn if name not in chosen)
        for name, figure in of_drawn.items():
            values[name], intervals[name], doubts[name] = figure
    if normal:
        chosen += (ANOMALIES,)
        told = of_anomalies(Generative(model, device=device), found, normal)
        values[ANOMALIES], intervals[ANOMALIES], doubts[ANOMALIES] = told
    batches = examples.batches(batch_size=min(batch_size, at_once(model.signature)), shuffle=False)
    texts = texts_of(model, examples, batches, device=device) if of_texts else ()
    for name in of_texts:
        values[name], intervals[name], doubts[name] = measured(name, texts)
    averages = {name: of for name in given if (of := about(name, model.signature))}
    constant = baseline(model, examples, outputs, targets, intervals, weighted=_weighted(target))
    own = tuple(name for name in measures if isinstance(given[name], str))
    quick, told = spared(lambda: beside_evaluation(target, model, examples, outputs, own))
    spent = _spent(model, examples, device)
    evaluation = Evaluation(
        metrics={name: values[name] for name in chosen},
        intervals=intervals, examples=len(targets), outputs=outputs, targets=targets,
        latency=spent.seconds, half=spent.half, parameters=learned(target, model),
        size=size(model), texts=texts,
        seen=Seen(target, model, found, *_source(data, part)),
        beside=(*([] if constant is None else [constant]), *quick),
        yardstick=told,
        averages=averages,
        positive=why_positive(averages, model.signature, decided_on(target)),
        why=why,
        notes=tuple(notes),
        doubts={name: doubts[name] for name in chosen if doubts.get(name)},
    )  # fmt: skip
    return sliced(evaluation, slices, measures)


def _spent(model: Signed, examples: Examples, device: str) -> Spent:
    """What the first example takes alone."""
    single = next(iter(examples.select([0]).batches(shuffle=False).epoch(0, seed=0)))[:-1]
    return latency(model, *single, device=pick(device))


def _weighted(target: Target) -> bool:
    """Whether a bundle tells that all classes were to be found, not most examples."""
    settings = target.about.get("settings") if isinstance(target, Bundle) else None
    return isinstance(settings, dict) and to_be_found(settings)


def measures_of(
    model: Signed, given: dict[str, str | Measure], /
) -> tuple[dict[str, Measure], list[str], list[str]]:
    """The metrics of outputs and targets by name, and the specs of those of texts and of samples.

    Args:
        model: it is measured.
        given: specs of metrics, or functions of outputs and targets, by name.

    Raises:
        UsageError: a metric is unknown, or the model writes no texts or draws no examples.
    """
    of_samples = [x for x, one in given.items() if isinstance(one, str) and is_of_samples(one)]
    if of_samples and not (model.signature.task.sample_metrics or draws_itself(model)):
        raise UsageError(
            f"{of_samples[0]} measures examples that a model makes; {name_of(model)} "
            f"answers the task {model.signature.task.name!r}; choose another metric"
        )
    of_texts = [name for name, one in given.items() if isinstance(one, str) and is_of_texts(one)]
    if of_texts:
        check_writes(model, of_texts)
    measures = {
        name: _measure(one, model) if isinstance(one, str) else one
        for name, one in given.items()
        if name not in (*of_texts, *of_samples)
    }
    return measures, of_texts, of_samples


def figures(
    model: Signed,
    examples: Examples,
    measures: dict[str, Measure],
    /,
    *,
    batch_size: int = BATCH,
    device: str = "auto",
    intervals: bool = True,
) -> tuple[Tensor, Tensor, dict[str, float], dict[str, tuple[float, float]], dict[str, str]]:
    """Outputs, targets, and of each metric its value, its interval, and what makes that doubtful.

    Args:
        model: gives the outputs.
        examples: prepared for it.
        measures: metrics by name.
        batch_size: examples that go through the model at once.
        device: where to compute.
        intervals: whether to compute these, which takes longer than the values.
    """
    from cartograd.practice.metrics import positions
    from cartograd.practice.metrics.interval import doubted

    if model.signature.task.sample_metrics:
        examples = examples.select(spread(len(examples), MOST))
    most = min(batch_size, at_once(model.signature))
    batches = examples.batches(batch_size=most, shuffle=False)
    if model.signature.task.each and all(map(positions.reducible, measures.values())):
        reduce = positions.reducer(measures, pixels=model.signature.task.of_pixels)
        outputs, targets = collect(model, batches, device=device, reduce=reduce)
        return outputs, targets, *positions.figures(measures, outputs)
    outputs, targets = collect(model, batches, device=device, reduce=best_boxes(model.signature))
    seen = {name: probable(one, outputs, model.signature.output) for name, one in measures.items()}
    values = {
        name: _value(name, measure, seen[name], targets, model)
        for name, measure in measures.items()
    }
    limits = measures.items() if intervals else ()
    ends = {name: doubted(one, seen[name], targets) for name, one in limits}
    held = {name: one for name, (one, _) in ends.items()}
    return outputs, targets, values, held, {name: why for name, (_, why) in ends.items()}


def _value(name: str, measure: Measure, outputs: Tensor, targets: Tensor, model: Signed) -> float:
    try:
        return float(measure(outputs, targets))
    except UsageError as error:
        usual = ", ".join(model.signature.task.metrics)
        more = f"; metrics of the task {model.signature.task.name!r}: {usual}" if usual else ""
        raise UsageError(f"{name}: {error}{more}") from error


def _source(data: Data, part: str) -> tuple[str, str]:
    """What to call the data, and which part of it; nothing is known of examples alone."""
    if isinstance(data, str | Path | Spec):
        return str(data), part
    return (data.name, part) if isinstance(data, Dataset) else ("", "")


def at_once(signature: Signature, /) -> int:
    """How many examples may go through a model at once without filling the memory."""
    if not signature.task.each:
        return BATCH
    numbers = signature.output.size if signature.task.of_pixels else 128 * (signature.classes or 1)
    return max(8, min(BATCH, NUMBERS // numbers))


def _name(metric: str | Measure) -> str:
    if isinstance(metric, str):
        return metric
    if not callable(metric):
        raise UsageError(
            f"{metric!r} is no metric; expected a name, or a function of outputs and targets"
        )
    return getattr(metric, "__name__", type(metric).__name__)


def _measure(name: str, model: Signed) -> Measure:
    """The metric of a spec; bits per byte gets the token sizes from the model's tokenizer."""
    spec = Spec.parse(name)
    if spec.name != "bits-per-byte" or "sizes" in spec.args or model.tokenizer is None:
        return measure(spec, model.signature)
    from cartograd.practice.metrics.bits_per_byte import sizes_of

    tokens = int(model.signature.output.dims[-1])
    return build(spec, kind="metric", sizes=sizes_of(model.tokenizer, tokens))


def usual(model: Signed, /) -> tuple[str, ...]:
    """The metrics of the output's task; those of texts where the model can write them.

    Raises:
        UsageError: there are none.
    """
    if (task := model.signature.task).sample_metrics:
        return task.sample_metrics
    return (*task.usual_metrics(model.signature.classes), *usual_of_texts(model))
