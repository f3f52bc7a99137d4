"""Scan: is there poison among the training examples, or a backdoor in the model?"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool
from scipy.stats import binom
from torch import Tensor

from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.results.scan import Finding, Repair, Scan, Truth
from cartograd.apps.results.security_curve import Share
from cartograd.apps.verbs.attack import classes_of, outputs_of
from cartograd.apps.verbs.save import save
from cartograd.apps.verbs.scanned_examples import Given, gathered
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError, unknown
from cartograd.core.poisoning import Detector, Suspicion
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec, several
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.seen_classes import labels_of
from cartograd.engine.device.device import pick
from cartograd.frontier.security.detectors.calibrated import FALSE_ALARMS
from cartograd.frontier.security.detectors.fine_pruning import fine_pruned
from cartograd.frontier.security.detectors.neural_cleanse import FEWEST, Triggers
from cartograd.frontier.security.detectors.unlearning import unlearned
from cartograd.practice.metrics.proportion import exact
from cartograd.practice.metrics.roc_auc import roc_auc

TRIGGERS = "neural-cleanse"
METHODS = ("mahalanobis", "activation-clustering", "spectral-signatures", "strip", TRIGGERS)
REPAIRS = ("unlearning", "fine-pruning")
SURE = 0.01
"""Chance of a suspicious class by a detector in clean data, all classes together."""


def scan(
    target: Target,
    data: Data | None = None,
    /,
    methods: Sequence[str | Spec] | None = None,
    *,
    trusted: int = 100,
    clean: Data | None = None,
    poison: str | Spec | None = None,
    examples: int = 2000,
    repair: str | Path | None = None,
    repair_by: str = "unlearning",
    device: str = "auto",
) -> Scan:
    """Signs of poison among training examples, and of a backdoor in the model.

    Detectors judge examples by what a few trusted ones are like; Neural Cleanse looks for the
    smallest pattern that turns inputs into each class. A class is suspicious where a detector flags
    more of its examples than of clean ones of any class (by a binomial test), or where its pattern
    is far smaller than those of the others.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: what it was trained on, of which the training part is judged; by default what the
            run says.
        methods: specs of detectors, and `neural-cleanse`; by default those that fit the model.
        trusted: how many examples are taken as known to be clean.
        clean: data that are known to be clean; by default the validation part teaches what is
            usual and the test part is the control.
        poison: spec of what is known to have been done to the data, to see how right the methods
            are; by default what the run was trained with.
        examples: how many to judge: the first of a fixed shuffle.
        repair: a folder for a bundle of the model that has unlearned the trigger which was found,
            or lost what trusted examples do not use.
        repair_by: `unlearning`, of the trigger that `neural-cleanse` finds, or `fine-pruning`, of
            units that trusted examples leave asleep, whatever was found, after which the judged
            examples that are answered as before teach their labels again.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: the model is no classifier, a method is none of these, the data do not fit
            the model, or there are too few examples.
    """
    model = as_signed(target)
    model.signature.task.check("attack")
    methods, left_out = _usual(model) if methods is None else (several(methods), ())
    kinds = [_kind(method) for method in methods]
    if not kinds:
        raise UsageError("there is no method; give at least one, such as mahalanobis")
    if repair is not None and Path(repair).exists():
        raise UsageError(f"{repair} exists already; choose another folder for the mended model")
    if repair_by not in REPAIRS:
        raise unknown("repair", repair_by, REPAIRS)
    if repair is None and repair_by != REPAIRS[0]:
        raise UsageError(f"repair_by={repair_by} says how; repair= has to say where (--repair)")
    _check_triggers(model, kinds, unlearns=repair is not None and repair_by == REPAIRS[0])
    model = model.to(pick(device))
    given = gathered(target, model, data, clean, poison, trusted, examples)
    detectors = {str(m): m for m, kind in zip(methods, kinds, strict=True) if kind == "detector"}
    findings = tuple(_found(model, given, spec) for spec in detectors.values())
    looked = [m for m, kind in zip(methods, kinds, strict=True) if kind == "study"]
    triggers = _triggers(model, given, looked[0]) if looked else None
    mended = None if repair is None else _mended(model, given, triggers, Path(repair), repair_by)
    notes = [*given.notes, *left_out]
    if repair is not None and mended is None:
        notes.append("nothing is repaired: the trigger of no class stands out")
    attacker = given.attacker
    return Scan(
        model=name_of(model),
        examples=len(given.judged),
        trusted=len(given.trusted),
        control=len(given.control),
        clean=_right(model, given.control.inputs, given.control.targets),
        findings=findings,
        triggers=triggers,
        poison=given.poison,
        planted=int(given.planted.sum()),
        success=None if attacker is None else _right(model, *attacker),
        repair=mended,
        names=tuple(given.judged.name(i) for i in range(len(given.judged))),
        port=model.signature.input,
        notes=tuple(notes),
    )


def _check_triggers(model: Signed, kinds: Sequence[str], /, *, unlearns: bool) -> None:
    """Refuse to look for a trigger, or to unlearn it, where none could be found.

    Raises:
        UsageError: the model has too few classes, or no method looks for one.
    """
    output = model.signature.output
    classes = len(labels_of(output))
    if unlearns and classes < FEWEST:
        raise UsageError(
            f"a repair unlearns the trigger of the class that stands out, and of fewer than "
            f"{FEWEST} classes none does (the model has {classes}); take --repair-by fine-pruning"
        )
    if unlearns and "study" not in kinds:
        raise UsageError(
            "a repair unlearns the trigger that neural-cleanse finds; add the method, or take "
            "--repair-by fine-pruning"
        )
    if "study" in kinds and output.dims == (1,):
        raise UsageError(
            "neural-cleanse needs a logit for each class, and the model gives a single one; take "
            "methods that do not, such as mahalanobis or strip"
        )


def _usual(model: Signed) -> tuple[Sequence[str], tuple[str, ...]]:
    """The methods that fit a model, and a line on those that do not."""
    port = model.signature.input
    if port.kind == "text" or port.bounds is None:
        left, why = ("strip", TRIGGERS), "they change inputs by little, within bounds"
    elif model.signature.output.dims == (1,):
        left, why = (TRIGGERS,), "it needs a logit for each class"
    else:
        return METHODS, ()
    told = f"left out: {', '.join(left)}, as {why}"
    return [one for one in METHODS if one not in left], (told,)


def _kind(method: str | Spec) -> str:
    """`detector` or `study`.

    Raises:
        UsageError: it is neither a detector nor Neural Cleanse.
    """
    name = Spec.parse(method).name
    found = registry.lookup(name, kind="study")
    if found and found[0][0].name == TRIGGERS:
        return "study"
    return registry.find(name, kind="detector")[0].kind


def _found(model: Signed, given: Given, spec: str | Spec) -> Finding:
    """What one detector says, of the examples and of clean ones beside them."""
    detector: Detector = build(spec, kind="detector")
    device = model.output_mean.device
    known = given.trusted.inputs.to(device), given.trusted.targets

    def said(part: Split) -> Suspicion:
        return detector(model, part.inputs.to(device), part.targets, known)

    told, labels = said(given.judged), labels_of(model.signature.output)
    control, suspects = None, None
    if told.calibrated:
        flags = said(given.control).flagged
        control = _share(flags)
        if told.decides:
            found = _classes(told.flagged, given.judged, flags, given.control)
            suspects = tuple(labels[k] for k in found)
    planted, own = given.planted, given.judged.targets
    truths = {
        labels[k]: _truth(told, planted, own == k)
        for k in own.unique().tolist()
        if planted[own == k].any()
    }
    whole = _truth(told, planted, torch.ones_like(planted))
    poisoned_ones = {name: one for name, one in truths.items() if one is not None}
    return Finding(str(spec), told.scores, told.flagged, control, suspects, whole, poisoned_ones)


def _truth(told: Suspicion, planted: Tensor, among: Tensor) -> Truth | None:
    """How right a detector is among some of the examples; None where all or none are poisoned."""
    scores, flagged, planted = told.scores.double()[among], told.flagged[among], planted[among]
    if not planted.any() or planted.all():
        return None
    hit = int((flagged & planted).sum())
    return Truth(
        auc=roc_auc(torch.stack([-scores, scores], 1), planted.long()),
        precision=hit / max(1, int(flagged.sum())),
        recall=hit / int(planted.sum()),
    )


def _classes(flagged: Tensor, judged: Split, usual: Tensor, control: Split) -> list[int]:
    """The classes of which more is flagged than of clean examples of any class.

    By a binomial test at the highest share that is flagged of a clean class: some classes are odd
    without poison.
    """
    clean = [usual[control.targets == k] for k in control.targets.unique().tolist()]
    odd = max(2 * FALSE_ALARMS, *(float(one.double().mean()) for one in clean))
    classes = judged.targets.unique().tolist()
    mine = {k: flagged[judged.targets == k] for k in classes}
    return [
        k
        for k, own in mine.items()
        if binom.sf(int(own.sum()) - 1, len(own), odd) < SURE / len(classes)
    ]


def _triggers(model: Signed, given: Given, spec: str | Spec) -> Triggers:
    search = build(spec, kind="study")
    known = given.trusted
    return search(model, known.inputs.to(model.output_mean.device), known.targets)


def _mended(
    model: Signed, given: Given, triggers: Triggers | None, folder: Path, way: str
) -> Repair | None:
    """The model without a backdoor, written as a bundle.

    It unlearns the trigger of the class that stands out most, or loses sleeping units.
    """
    suspects = () if triggers is None else triggers.suspects
    if triggers is None or not suspects:
        k = None
    else:
        k = max(suspects, key=triggers.index.__getitem__)
    known, control = given.trusted, given.control
    x = known.inputs.to(model.output_mean.device)

    def stamped(x: Tensor) -> Tensor:
        assert triggers is not None
        assert k is not None
        return triggers.stamped(x, k)

    units = 0
    if way == "fine-pruning":
        taught = given.judged.inputs, given.judged.targets
        mended, units = fine_pruned(model, x, known.targets, taught)
    elif k is None:
        return None
    else:
        mended = unlearned(model, x, stamped)
    assert isinstance(mended, Signed)

    def both(x: Tensor, y: Tensor) -> tuple[Share, Share]:
        return _right(model, x, y), _right(mended, x, y)

    save(mended, folder, examples=control.inputs[:64])
    turned, target = None, ""
    if triggers is not None and k is not None:
        others = control.inputs[control.targets != k]
        target = triggers.labels[k]
        turned = both(stamped(others), torch.full((len(others),), k))
    return Repair(
        folder,
        target,
        clean=both(control.inputs, control.targets),
        turned=turned,
        cut=units,
        success=None if given.attacker is None else both(*given.attacker),
    )


def _right(model: Signed, x: Tensor, y: Tensor) -> Share:
    """How many inputs are answered with these classes."""
    return _share(classes_of(outputs_of(model, x)) == y)


def _share(hits: Bool[Tensor, " n"]) -> Share:
    count, whole = int(hits.sum()), len(hits)
    return Share(count / whole, *exact(count, whole))
