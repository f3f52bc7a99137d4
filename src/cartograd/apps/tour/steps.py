"""The steps of the tour: each a verb as users call it, on the tour's model and data."""

import http.client
import json
import time
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import torch

from cartograd.apps.answers import averaged, units
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.report.cells import decoded
from cartograd.apps.report.pictures import png, shades
from cartograd.apps.server import run as server
from cartograd.apps.tour.state import Tour
from cartograd.apps.verbs.attack import robustness
from cartograd.apps.verbs.evaluate import evaluate as measure
from cartograd.apps.verbs.explain import explain as attribute
from cartograd.apps.verbs.export import export as write
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.predict import predict as answer
from cartograd.apps.verbs.train import run
from cartograd.core.files import write_file
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import fit
from cartograd.frontier.explain.integrated_gradients import completeness_gap

LINEAR = "softmax-regression"
"""The simplest model that learns: what it cannot do is what the model is for."""

CHECKED = 64
"""Test examples on which the exported model is compared."""

EXPLAINER = "integrated_gradients:steps=32"

EPS, SIZES = 0.1, (0.02, 0.05, 0.1, 0.2)
"""Size of the attack in the table, and those of the curve."""


def train(found: Tour) -> str:
    """Train the model into a run folder."""
    done = run(found.plan, folder=found.run, progress=found.progress)
    if done.stopped == "interrupted":
        raise KeyboardInterrupt
    time_spent = sum(record["seconds"] for record in done.history)
    return f"{len(done.history)} epochs in {units.seconds(time_spent)}"


def compare(found: Tour) -> str:
    """Measure what the model has to beat: one answer for all, and a linear model."""
    data, test = found.plan.data, found.test
    targets, signature = data.train.targets, data.signature
    if signature.task.target == "class":
        names = ("most common class", "softmax regression")
        counts = targets.bincount(minlength=max(2, signature.classes or 0))
        frequencies = counts.clamp(min=1e-3) / len(targets)
        constant = frequencies.log()
    else:
        names = ("mean", "linear regression")
        constant = targets.mean(0)
    shared = {key: found.plan.value(key) for key in ("seed", "device")}
    linear = planned(LINEAR, data, **shared)
    fit(linear.objective, linear.batches(), options=linear.options, **linear.validation())
    outputs, _ = collect(linear.model, test.batches(batch_size=256, shuffle=False))
    answers = (constant.expand(len(test), -1), outputs)
    usual = signature.task.usual_metrics(signature.classes)
    measures = {name: averaged.measure(name, found.plan.model.signature) for name in usual}
    found.baselines = {
        name: {key: float(measure(given, test.targets)) for key, measure in measures.items()}
        for name, given in zip(names, answers, strict=True)
    }
    return _baselines(found, next(iter(measures)))


def evaluate(found: Tour) -> str:
    """Measure the model on examples that training never saw."""
    result = found.evaluation = measure(found.run, found.test, device=found.plan.value("device"))
    first = next(iter(result.metrics))
    for name, value in result.metrics.items():
        low, high = result.intervals[name]
        numbers = {name: value, f"{name} interval": [low, high]}
        if name in (first, "ece", "r2"):
            ends = f"{units.metric(name, low)} to {units.metric(name, high)}"
            beside = f"; {_baselines(found, name)}" if name == first else ""
            found.row(
                units.heading(result.spoken(name)),
                units.metric(name, value),
                ends + beside,
                **numbers,
            )
        else:
            found.numbers |= numbers
    found.numbers["baselines"] = found.baselines
    weights = f"{result.parameters:,} parameters"
    found.row("Size", units.size(result.size), weights, parameters=result.parameters)
    latency = units.took(result.latency, result.half)
    found.row("Latency", latency, "for one example, in PyTorch", latency=result.latency)
    return f"{first} {units.metric(first, result.metrics[first])} on {result.examples} examples"


def predict(found: Tour) -> str:
    """Answer for a file, as a user has it."""
    port, x = found.plan.data.signature.input, found.test.select([0]).inputs
    source: Any = x
    if port.kind == "image":
        source = write_file(found.folder / "example.png", png(shades(x[0], port)))
    [said] = answer(found.run, source, top=1)
    name = source.name if port.kind == "image" else found.test.name(0)
    return f"{name}: {_said(found, said)}"


def export(found: Tour) -> str:
    """Write the model as ONNX, run both on real examples, compare."""
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        found.row("ONNX difference", "skipped", f"needs {' and '.join(missing)}")
        return f"skipped: needs {' and '.join(missing)}; pip install 'cartograd[export]'"
    inputs = found.test.select(range(min(CHECKED, len(found.test)))).inputs
    done = found.exported = write(found.run, found.folder / "model.onnx", check=inputs)
    assert done.check is not None
    assert done.check.ratio is not None
    difference = units.number(done.check.difference)
    ratio = units.times(done.check.ratio, done.check.low or 0.0, done.check.high or 0.0)
    speed = f"{ratio} as fast as PyTorch"
    found.row("ONNX difference", difference, speed, onnx_difference=done.check.difference)
    return f"{done.path.name}, {units.size(done.size)}; largest difference {difference}"


def serve(found: Tour) -> str:
    """Start the server, send it a real request, stop it."""
    port, x = found.plan.data.signature.input, found.test.select([0]).inputs
    body = {"inputs": decoded(port, x) if port.columns else x.tolist(), "top": 1}
    with server.running(found.run) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        start = time.perf_counter()
        connection.request(
            "POST", "/predict", json.dumps(body), {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        answered = json.loads(response.read())
        spent = time.perf_counter() - start
        connection.close()
    assert response.status == 200, answered
    return f"POST /predict: {_said(found, answered['predictions'][0])} in {units.seconds(spent)}"


def explain(found: Tour) -> str:
    """Ask which numbers of some inputs the answers rest on."""
    shown = found.test.select(_one_of_each(found))
    heat = attribute(found.run, shown.inputs, method=EXPLAINER).cpu()
    model = found.plan.model.cpu()
    gap = completeness_gap(model, shown.inputs, heat).abs()
    moved = heat.flatten(1).sum(1).abs().clamp(min=1e-6)
    outputs, _ = collect(model, shown.batches(shuffle=False), device="cpu")
    found.explained = (shown, outputs, heat)
    share = float((gap / moved).median())
    found.numbers["completeness_gap"] = share
    return f"{len(shown)} examples; contributions add up within {units.percent(share)}"


def attack(found: Tour) -> str:
    """Look for small changes that turn right answers into wrong ones."""
    signature = found.plan.data.signature
    if signature.task.attacked != "class" or signature.input.bounds is None:
        return "skipped: there is nothing to attack within bounds"
    low, high = signature.input.bounds
    for eps in (size * (high - low) for size in SIZES):
        found.robust[eps] = robustness(
            found.run, found.test, method=f"pgd:eps={eps:g}", examples=len(found.test)
        )
    main = found.robust[EPS * (high - low)]
    ends = " to ".join(units.percent(end) for end in main.robust_interval)
    value = units.percent(main.robust)
    found.row("Robust accuracy", value, f"{ends}; {main.method}", robust_accuracy=main.robust)
    found.numbers["robust accuracies"] = [[eps, item.robust] for eps, item in found.robust.items()]
    return f"{value} still right under {main.method}"


def _baselines(found: Tour, metric: str) -> str:
    """The baselines' values of a metric, the better first."""
    parts = [
        f"{name} {units.metric(metric, given[metric])}" for name, given in found.baselines.items()
    ]
    return ", ".join(reversed(parts))


def _said(found: Tour, answered: dict[str, Any]) -> str:
    if found.plan.data.signature.target == "class":
        return f"{answered['label']} ({units.percent(answered['probability'])})"
    return units.number(answered["value"]) if "value" in answered else str(answered["values"])


def _one_of_each(found: Tour) -> list[int]:
    """The first picture of each class (ten at most) that the model gets right; or some rows."""
    targets, signature = found.measured.targets, found.plan.data.signature
    if signature.input.kind != "image" or signature.task.target != "class":
        return list(range(min(200, len(targets))))
    right = class_probabilities(found.measured.outputs).argmax(1) == targets
    first = [(right & (targets == label)).nonzero()[:1, 0] for label in range(10)]
    return torch.cat(first).tolist()
