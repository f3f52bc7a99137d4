"""The quick strong model beside a trained one: fitted after the training, kept, judged again.

It learns from the same training part and answers the same examples. Its answers are kept in the run
folder (`yardstick.safetensors`), so that `evaluate` on the same examples need not fit it again; on
other examples it is fitted anew on the data of the training, which gives the same one.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.answers import averaged
from cartograd.apps.answers.decisions import thresholds
from cartograd.apps.load.parts import about_of
from cartograd.apps.load.source import examples_for
from cartograd.apps.load.target import Target
from cartograd.apps.results.baseline import Beside, against_yardstick
from cartograd.apps.results.of_items import against_rankings
from cartograd.apps.results.of_pixels import against_threshold, counts
from cartograd.core.decided import decided
from cartograd.core.errors import UsageError
from cartograd.core.hashing import digest_of
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Examples, Split
from cartograd.engine.device.randomness import preserved
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.files.tensor_files import read_tensors, write_tensors
from cartograd.engine.loop.fit import Run
from cartograd.engine.loop.rehearsal import reason
from cartograd.practice.metrics.interval import twin
from cartograd.practice.yardsticks import yardstick
from cartograd.training.class_weights import class_weights

FILE = "yardstick.safetensors"

NOT_BESIDE = {
    "privacy": "it would learn from the private examples without a bound",
    "federated": "it would need the examples of all clients at one place",
    "poison": "it would learn from the poisoned examples, too",
    "canaries": "it would learn from the canaries, too",
}
"""Trainings beside which no quick model is fitted, and why."""

ANEW = ("drawn", "filter")
"""Settings that change the training part, so that it cannot be fitted anew from the data alone."""

Told = tuple[tuple[Beside, ...], str]
"""What was compared (one, or nothing), and what that was or why there is none."""


def why_none(settings: Mapping[str, Any], model: Signed, /) -> str | None:
    """Why no quick model is fitted; empty where nobody wants one, None where there is one.

    Args:
        settings: of the training.
        model: what was trained.
    """
    if settings.get("yardstick") == "none":
        return ""
    for key, why in NOT_BESIDE.items():
        if settings.get(key):
            return f"none beside {key}={settings[key]}: {why}"
    if model.signature.draws or model.signature.target == "example":
        return "none: what is drawn or weighed has no right answer to compare with"
    return None if yardstick.wanted(model.signature) else ""


def beside_training(
    model: Signed,
    parts: tuple[Examples, Examples, Examples],
    outputs: Tensor,
    settings: Mapping[str, Any],
    names: tuple[str, ...],
    /,
    *,
    folder: Path,
) -> Told:
    """Fit the quick model, keep its answers, and compare.

    Args:
        model: trained.
        parts: the examples for training, validation and test.
        outputs: the model's answers to the last.
        settings: of the training.
        names: of the metrics that were measured.
        folder: of the run.
    """
    why = why_none(settings, model)
    if model.signature.task.of_pixels and not why:
        return _by_threshold(model, parts[2], outputs, names)
    if model.signature.task.name == "rank" and not why:
        return against_rankings(model.signature, parts[0], parts[2], outputs, names)
    if why is not None:
        return (), why
    found = _fitted(model, *parts[:2], settings)
    if found is None:
        return (), ""
    test = parts[2]
    theirs = found.answer(test.select(yardstick.judged(test)))
    about = {"examples": _digest(test), "name": found.name, "about": found.about}
    write_tensors(folder / FILE, {"outputs": theirs.float(), "about": about})
    return _compared(model, found.name, found.about, theirs, test, outputs, settings, names)


def beside_evaluation(
    target: Target,
    model: Signed,
    examples: Examples,
    outputs: Tensor,
    names: tuple[str, ...],
    /,
) -> Told:
    """Compare with the quick model of a run: as it was kept, or fitted anew for other examples.

    Args:
        target: a run or bundle; nothing is known of other models.
        model: of it.
        examples: what was answered.
        outputs: the model's answers.
        names: of the metrics that were measured.
    """
    about = about_of(target)
    settings = about.get("settings")
    if not isinstance(settings, dict):
        return (), ""
    why = why_none(settings, model)
    if model.signature.task.of_pixels and not why:
        return _by_threshold(model, examples, outputs, names)
    ranks = model.signature.task.name == "rank"
    if why is not None and (why or not ranks):
        return (), why
    kept = _kept(target)
    if kept is not None and kept["about"]["examples"] == _digest(examples):
        name, told = kept["about"]["name"], kept["about"]["about"]
        theirs = kept["outputs"].double()
        return _compared(model, name, told, theirs, examples, outputs, settings, names)
    other = [f"{key}={settings[key]}" for key in ANEW if settings.get(key)]
    if other:
        return (), f"none on other examples: the training had {', '.join(other)}"
    try:
        read = {"tokenizer": model.tokenizer}
        parts = [
            examples_for(model.signature, about["data"], x, **read) for x in ("train", "valid")
        ]
    except (UsageError, KeyError) as error:
        said = str(error) if isinstance(error, UsageError) else "the bundle does not name them"
        return (), f"none: it learns from the data of the training, which cannot be read ({said})"
    if model.signature.task.name == "rank":
        return against_rankings(model.signature, parts[0], examples, outputs, names)
    found = _fitted(model, parts[0], parts[1], settings)
    if found is None:
        return (), ""
    theirs = found.answer(examples.select(yardstick.judged(examples)))
    return _compared(model, found.name, found.about, theirs, examples, outputs, settings, names)


def to_be_found(settings: Mapping[str, Any], /) -> bool:
    """Whether a training was told that all classes are to be found, rather than most examples."""
    weighs = ("class_weights", "sampler", "threshold")
    return any(settings.get(key) is not None for key in weighs)


def spared(given: Any, /) -> Told:
    """What `given()` gives; where it fails, why, as it is no reason to lose the rest."""
    try:
        return given()
    except Exception as error:
        said = str(error) if isinstance(error, UsageError) else reason(error)
        return (), f"none: it failed: {said}"


def _by_threshold(
    model: Signed, examples: Examples, outputs: Tensor, names: tuple[str, ...]
) -> Told:
    """Compare masks with a threshold, for which nothing is fitted or kept."""
    ours = counts(model.signature, names, outputs, examples.targets)
    return against_threshold(model.signature, examples, ours)


def _fitted(
    model: Signed, train: Examples, valid: Examples, settings: Mapping[str, Any]
) -> yardstick.Yardstick | None:
    signature = model.signature
    given = settings.get("class_weights") or settings.get("sampler")  # both are `balanced`
    weights = None
    if given is not None and signature.target == "class":
        labels = signature.output.labels or tuple(map(str, range(signature.classes or 0)))
        weights = class_weights(given, labels, train.targets)
    with preserved(torch.device("cpu")):
        found = yardstick.fitted(train, valid, tokenizer=model.tokenizer, weights=weights)
        how, port = settings.get("threshold"), replace(signature.output, thresholds=())
        if found is None or how is None:
            return found
        own = thresholds(how, port, found.answer(valid), valid.targets)
        port, answer = replace(port, thresholds=own, temperature=1.0), found.answer
        return replace(found, answer=lambda examples: decided(answer(examples), port))


def _compared(
    model: Signed,
    name: str,
    about: str,
    theirs: Tensor,
    examples: Examples,
    outputs: Tensor,
    settings: Mapping[str, Any],
    names: tuple[str, ...],
) -> Told:
    places = yardstick.judged(examples)
    ours, right = outputs[places], examples.targets[places]
    measures = {one: averaged.measure(one, model.signature) for one in names}
    if settings.get("threshold") is not None:  # its logits decide, and are no probabilities
        measures = {key: one for key, one in measures.items() if twin(one, "ANSWERS")}
    figures = {one: float(measure(theirs, right)) for one, measure in measures.items()}
    weighted = to_be_found(settings) and model.signature.target == "class"
    found = against_yardstick(
        model.signature, name, theirs, ours, right, figures, weighted=weighted
    )
    some = f", asked about {len(places):,} examples" if len(places) < len(examples) else ""
    return (found,), f"{name}, fitted on {about}{some}"


def _digest(examples: Examples) -> str:
    """A word that is another one for other examples."""
    if isinstance(examples, Split):
        return examples.digest()
    return digest_of((examples.targets,), examples.names)


def _kept(target: Target) -> dict[str, Any] | None:
    """The answers that were kept in the folder of the run that a target belongs to."""
    if isinstance(target, Run):
        folder = target.folder
    elif isinstance(target, Bundle):
        folder = target.path.parent
    else:
        folder = Path(target) if isinstance(target, str | Path) else None
    file = None if folder is None else folder / FILE
    return read_tensors(file) if file is not None and file.is_file() else None
