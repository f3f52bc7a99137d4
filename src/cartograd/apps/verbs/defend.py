"""Defend: what purifiers and detectors are worth against an attack that may know of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target, as_signed
from cartograd.apps.results.defended import Defended, Detection, Purification
from cartograd.apps.results.security_curve import Share
from cartograd.apps.verbs.attack import attack, attacked, bounded, classes_of, outputs_of
from cartograd.apps.verbs.attack_size import size_notes
from cartograd.core import registry
from cartograd.core.build import build, resolve
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Detector
from cartograd.core.purifying import Purifier
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec, several
from cartograd.data.dataset.dataset import Split
from cartograd.frontier.security.purifiers.purified import draws_any, has_gradient, purified
from cartograd.practice.metrics.proportion import exact
from cartograd.practice.metrics.roc_auc import roc_auc

METHODS = ("bit-depth", "feature-squeezing", "mahalanobis")
ATTACK = "pgd:eps=0.05"
KINDS = ("purifier", "detector")
FALSE_ALARMS = 0.05
SHOWN = 6
FEW = 10
"""Turned examples below which a detector cannot be judged."""


def defend(
    target: Target,
    data: Data,
    /,
    methods: Sequence[str | Spec] | None = None,
    *,
    method: str | Spec = ATTACK,
    draws: int = 4,
    examples: int = 200,
    part: str | None = None,
    device: str = "auto",
) -> Defended:
    """How much of an attack is undone by purifiers, and found by detectors.

    Purifiers are also attacked themselves: the gradient passes through them as if they changed
    nothing (BPDA), and as their own where they have one; random ones are averaged (EOT). What is
    left then is what they are worth.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        methods: specs of purifiers and detectors; `run=` of those that need another model is a run
            or a bundle. By default a few that need none and fit the inputs.
        method: spec of the attack.
        draws: of a random purifier, over which an attack on it averages.
        examples: how many to attack: the first of a fixed shuffle. As many others, where there
            are some, are taken as known to be clean.
        part: `train`, `valid`, `test` or `all`, by default as in `robustness`.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: as `robustness`, or a method is neither purifier nor detector, or does not fit
            the inputs.
    """
    methods, left_out = _usual(target) if methods is None else (several(methods), ())
    if not methods or draws < 1:
        raise UsageError(
            f"draws={draws} is out of range; expected at least 1"
            if methods
            else "there is no method; give at least one, such as bit-depth"
        )
    made = [(str(one), *_made(one)) for one in methods]
    model, both = attacked(target, data, part=part, examples=2 * examples, device=device)
    half = len(both) - len(both) // 2 if len(both) < 2 * examples else examples
    chosen, known = (
        both.select(torch.arange(start, end)) for start, end in ((0, half), (half, len(both)))
    )
    spec = bounded(method, model, chosen.inputs)
    for name, kind, one in made:
        if kind == "purifier":
            _fits(name, one, chosen.inputs[:2])
        elif len(known) >= FEW:  # what it refuses is refused before the work, too
            _scores(model, one, chosen.inputs[:2], known)
    moved = attack(model, chosen.inputs, chosen.targets, method=spec).cpu()
    before, after = (classes_of(outputs_of(model, x)) for x in (chosen.inputs, moved))
    turned = (before == chosen.targets) & (after != chosen.targets)
    bare = Purification("none", *(_share(one == chosen.targets) for one in (before, after, after)),
                        shown=moved[turned][:SHOWN])  # fmt: skip
    behind = [
        _purified(model, name, one, chosen, moved, turned, spec, draws)
        for name, kind, one in made
        if kind == "purifier"
    ]
    looked = [
        _detected(model, name, one, chosen, moved[turned], known)
        for name, kind, one in made
        if kind == "detector"
    ]
    eps, norm = spec.args.get("eps", 0), spec.args.get("norm", "linf")
    port = model.signature.input
    return Defended(
        str(spec), len(chosen), int(turned.sum()), (bare, *behind) if behind else (),
        tuple(looked), chosen.inputs[turned][:SHOWN], moved[turned][:SHOWN], port,
        (*left_out, *size_notes(float(eps), norm, port, chosen.inputs[0].numel())),
    )  # fmt: skip


def _usual(target: Target) -> tuple[Sequence[str], tuple[str, ...]]:
    """The methods that fit a model's inputs, and a line on those that do not."""
    port = as_signed(target).signature.input
    bounds = None if port.kind == "text" else port.bounds
    if bounds is None:
        left, why = METHODS[:2], "they round numbers between bounds, and these inputs have none"
    elif bounds != (0.0, 1.0):
        left, why = METHODS[:1], "it rounds numbers from 0 to 1"
    else:
        return METHODS, ()
    told = f"left out: {', '.join(left)}, as {why}"
    return [one for one in METHODS if one not in left], (told,)


def _made(method: str | Spec) -> tuple[str, Any]:
    """A method's kind, and itself; one that needs another model gets it.

    Raises:
        UsageError: it is neither purifier nor detector.
    """
    spec = Spec.parse(method)
    kinds = [card.kind for card, _ in registry.lookup(spec.name) if card.kind in KINDS]
    kind = kinds[0] if kinds else KINDS[0]
    resolve(spec, kind=kind)
    run = spec.args.get("run")
    more = {"run": as_signed(run)} if isinstance(run, str) else {}
    return kind, build(replace(spec, args=spec.args | more), kind=kind)


def _fits(name: str, purifier: Purifier, x: Tensor) -> None:
    """Refuse a purifier before the work that does not take such inputs.

    Raises:
        UsageError: why not.
    """
    found = purifier(x, torch.Generator().manual_seed(0))
    if found.shape != x.shape:
        raise UsageError(
            f"{name} makes inputs of shape {tuple(found.shape[1:])} of {tuple(x.shape[1:])}; "
            "expected the same"
        )


def _purified(
    model: Signed, name: str, purifier: Purifier, chosen: Split, moved: Tensor,
    turned: Bool[Tensor, " n"], spec: Spec, draws: int,
) -> Purification:  # fmt: skip
    """Accuracy behind a purifier: clean, attacked without and with knowledge of it."""
    few = chosen.inputs[:2]
    count = draws if draws_any(purifier, few) else 1

    def right(x: Tensor) -> Bool[Tensor, " n"]:
        return classes_of(outputs_of(purified(model, purifier, seed=1), x)) == chosen.targets

    clean, unaware = right(chosen.inputs), right(moved)
    adaptive = unaware  # who knows more can do all that others can
    for own in (False, True) if has_gradient(purifier, few) else (False,):
        behind = purified(model, purifier, draws=count, own=own)
        through = attack(behind, chosen.inputs, chosen.targets, method=spec).cpu()
        adaptive = adaptive & right(through)
    with torch.no_grad():
        seen = purifier(moved[turned][:SHOWN], torch.Generator().manual_seed(1))
    return Purification(name, _share(clean), _share(unaware), _share(adaptive), shown=seen)


def _detected(
    model: Signed, name: str, detector: Detector, chosen: Split,
    moved: Float[Tensor, "m ..."], known: Split,
) -> Detection:  # fmt: skip
    """How well the inputs that were turned are told from clean ones.

    Raises:
        UsageError: there are too few of them.
    """
    if len(moved) < FEW or len(known) < 2:
        raise UsageError(
            f"the attack turned {len(moved)} of {len(chosen)} examples, and {len(known)} others "
            f"are clean; {name} is judged by at least {FEW} turned ones: attack more of them, or "
            "by more"
        )
    clean, changed = (_scores(model, detector, x, known) for x in (chosen.inputs, moved))
    bar = clean.quantile(1 - FALSE_ALARMS)
    return Detection(
        name, _area(changed, clean), _share(changed > bar), _area(clean[::2], clean[1::2])
    )


def _scores(model: Signed, detector: Detector, x: Tensor, known: Split) -> Tensor:
    """How suspicious inputs are, beside known ones and under the model's own answers."""
    device, answer = model.output_mean.device, classes_of(outputs_of(model, x))
    trusted = known.inputs.to(device), known.targets
    return detector(model, x.to(device), answer, trusted).scores.double().cpu()


def _area(high: Float[Tensor, " n"], low: Float[Tensor, " m"]) -> float:
    """The share of pairs of which the first has the higher score."""
    scores = torch.cat([high, low])
    which = (torch.arange(len(scores)) < len(high)).long()
    return roc_auc(torch.stack([-scores, scores], 1), which)


def _share(hits: Bool[Tensor, " n"]) -> Share:
    count, whole = int(hits.sum()), len(hits)
    return Share(count / whole, *exact(count, whole))
