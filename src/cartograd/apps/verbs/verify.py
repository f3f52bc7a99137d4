"""Verify: of how many examples it is proved that their answer stands."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target, name_of
from cartograd.apps.results.security_curve import Share
from cartograd.apps.results.verified import Proved, VerifiedAccuracy
from cartograd.apps.verbs.attack import attacked, classes_of, outputs_of
from cartograd.apps.verbs.attack_size import range_of, size_notes
from cartograd.apps.verbs.balls import ATTACK, measured, sizes_of, stand
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.certificate import Certificate, Verifier
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec, several
from cartograd.data.dataset.dataset import Split
from cartograd.frontier.security.ball import Norm
from cartograd.frontier.verification.certified import check_classifier
from cartograd.frontier.verification.text import reads_text
from cartograd.practice.metrics.proportion import exact

METHODS = ("ibp", "crown", "alpha-crown")


def verify(
    target: Target,
    data: Data,
    /,
    methods: Sequence[str | Spec] = METHODS,
    *,
    eps: float | Sequence[float] = (),
    norm: Norm = "linf",
    examples: int = 100,
    minutes: float = math.inf,
    part: str | None = None,
    device: str = "auto",
) -> VerifiedAccuracy:
    """Verified accuracy by method and size, beside accuracy under PGD and without a change.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        methods: specs of verifiers.
        eps: by how much each number may change, in the units of the input port, of texts those of
            their tokens' vectors; by default 0.2, 0.5, 1 and 2 % of their range (of `l2` times the
            root of how many there are). Of methods that certify a distance: within which.
        norm: what eps measures: `linf`, each number, or `l2`, the whole change.
        examples: how many are looked at: the first of a fixed shuffle.
        minutes: the most that it takes; the examples that are left then are not looked at.
        part: `train`, `valid`, `test` or `all`, by default as in `robustness`.
        device: `auto`, `cpu`, `cuda` or `mps`, where the model runs; bounds are computed on the
            processor.

    Raises:
        UsageError: the model is no classifier or has operations without a rule, the data do not
            fit it, or methods of several sorts are asked at once.
    """
    if not minutes > 0:
        raise UsageError(f"minutes={minutes} is out of range; expected a number above 0")
    eps = (eps,) if isinstance(eps, int | float) else eps
    specs = [Spec.parse(method) for method in several(methods)]
    if not specs:
        raise UsageError("there is no method; give at least one, such as crown")
    told = {bool(_told_eps(spec)) for spec in specs}
    if len(told) > 1:
        raise UsageError(
            f"{', '.join(str(spec) for spec in specs)}: some of these prove a box of the size eps, "
            "some find their own set; verify them apart"
        )
    model, chosen = attacked(
        target, data, part=part, examples=examples, device=device, verb="verify"
    )
    check_classifier(model, texts=reads_text(model))
    source = f"{data if isinstance(data, str | Spec) else 'examples'}" + (
        f" ({part})" if part else ""
    )
    specs = [_bounded(spec, model, chosen.inputs) for spec in measured(specs, norm)]
    begun = VerifiedAccuracy(name_of(model), source, (), "", 0, Share(0, 0, 1), {})
    until = time.monotonic() + 60 * minutes
    if told == {True}:
        sizes = sizes_of(eps, model, chosen.inputs, norm)
        return _balls(begun, model, chosen, specs, sizes, norm, until)
    return _own_sets(begun, model, chosen, specs, eps, until)


def _told_eps(spec: Spec) -> bool:
    """Whether a verifier is told the size of a box.

    Raises:
        UsageError: there is no such verifier, or the spec says the size itself.
    """
    takes = hyperparameters(registry.find(spec.name, kind="verifier")[0])
    for name in ("eps", "norm"):
        if name in spec.args:
            raise UsageError(
                f"{spec} says its {name} itself, and a table is of the same for all methods; give "
                f"it beside the methods ({name}=, --{name})"
            )
    return "eps" in takes


def _bounded(spec: Spec, model: Signed, x: Tensor) -> Spec:
    """A verifier with the range of the examples for bounds, where the model has none."""
    takes = hyperparameters(registry.find(spec.name, kind="verifier")[0])
    if model.signature.input.bounds is not None or "bounds" in spec.args or "bounds" not in takes:
        return spec
    return replace(spec, args=spec.args | {"bounds": range_of(x)})


def _balls(
    begun: VerifiedAccuracy,
    model: Signed,
    chosen: Split,
    specs: list[Spec],
    eps: Sequence[float],
    norm: Norm,
    until: float,
) -> VerifiedAccuracy:
    """What is proved of boxes or balls, and what an attack leaves of them."""
    built: dict[str, list[Verifier]] = {
        _shown(spec): [build(replace(spec, args=spec.args | {"eps": size}), kind="verifier")
                       for size in eps] for spec in specs
    }  # fmt: skip
    looked = _looked(begun, built, model, chosen, until)
    few, standing = looked.split, list[Tensor]()
    for size in eps:
        stands = stand(model, few, eps=size, norm=norm)
        standing.append(stands & standing[-1] if standing else stands)
    port, numbers = model.signature.input, chosen.inputs[0].numel()
    notes = [*looked.begun.notes, *(line for size in eps for line in
                                    size_notes(size, norm, port, numbers))]  # fmt: skip
    fallen = sum(
        int((one.proved & ~stands).sum())
        for told in looked.found.values()
        for one, stands in zip(told, standing, strict=True)
    )
    if fallen:
        notes.append(f"{fallen} proofs are contradicted by an attack: this is a mistake of ours")
    return replace(
        looked.begun, eps=tuple(eps), norm=norm, fallen=fallen, notes=tuple(notes),
        methods={name: tuple(map(_proved, told)) for name, told in looked.found.items()},
        attacked=tuple(map(_share, standing)), attack=ATTACK,
    )  # fmt: skip


def _own_sets(
    begun: VerifiedAccuracy,
    model: Signed,
    chosen: Split,
    specs: list[Spec],
    eps: Sequence[float],
    until: float,
) -> VerifiedAccuracy:
    """What is proved of sets that are the methods' own: distances, or transformations."""
    built: dict[str, list[Verifier]] = {
        _shown(spec): [build(spec, kind="verifier")] for spec in specs
    }
    looked = _looked(begun, built, model, chosen, until)
    found = {name: one for name, (one,) in looked.found.items()}
    distances = {one.distance for one in found.values()}
    if len(distances) > 1:
        raise UsageError("some of these methods certify a distance, some do not; verify them apart")
    (norm,) = distances
    if not norm:
        if eps:
            raise UsageError(f"eps={list(eps)} means nothing to {', '.join(found)}; leave it out")
        methods = {name: (_proved(one),) for name, one in found.items()}
        return replace(looked.begun, methods=methods)
    reached = max(float(one.size.max()) for one in found.values())
    sizes = tuple(sorted(set(map(float, eps)))) or tuple(reached * k / 4 for k in range(5))
    methods = {
        name: tuple(_proved(replace(one, proved=one.proved & (one.size >= size))) for size in sizes)
        for name, one in found.items()
    }
    return replace(looked.begun, eps=sizes, norm=norm, methods=methods)


class _Looked(NamedTuple):
    """What was looked at before the time was up.

    Attributes:
        begun: a result with what is known of these examples.
        split: the examples.
        found: for each method, of each of its verifiers.
    """

    begun: VerifiedAccuracy
    split: Split
    found: dict[str, list[Certificate]]


def _looked(
    begun: VerifiedAccuracy,
    built: dict[str, list[Verifier]],
    model: Signed,
    chosen: Split,
    until: float,
) -> _Looked:
    """All methods on as many examples as there is time for, one at least: 1, 4, 16, ... more.

    Portions grow only as far as the pace of those before says that they end in time.
    """
    parts: dict[str, list[list[Certificate]]] = {
        name: [[] for _ in verifiers] for name, verifiers in built.items()
    }
    seconds, start, count, first = dict.fromkeys(built, 0.0), 0, 1, time.monotonic()
    while start < len(chosen) and count:
        own = chosen.select(torch.arange(start, min(start + count, len(chosen))))
        for name, verifiers in built.items():
            began = time.monotonic()
            for verifier, told in zip(verifiers, parts[name], strict=True):
                told.append(verifier(model, own.inputs, own.targets))
            seconds[name] += (time.monotonic() - began) / len(verifiers)
        now, start = time.monotonic(), start + len(own)
        room = max(0.0, until - now) * start / max(now - first, 1e-9)
        count = int(min(4 * count, 64, room))
    found = {name: [_joined(told) for told in each] for name, each in parts.items()}
    notes = list(
        dict.fromkeys(note for each in found.values() for one in each for note in one.notes)
    )
    if start < len(chosen):
        notes.append(f"{start} of {len(chosen)} examples were looked at before the time was up")
    few = chosen.select(torch.arange(start))
    begun = replace(
        begun, examples=start, clean=_share(_right(model, few)), notes=tuple(notes),
        seconds={name: spent / start for name, spent in seconds.items()},
    )  # fmt: skip
    return _Looked(begun, few, found)


def _joined(parts: list[Certificate]) -> Certificate:
    """The certificates of several portions as one, with the notes that all of them have."""
    proved, refuted, size, found = (
        torch.cat([getattr(part, key) for part in parts])
        for key in ("proved", "refuted", "size", "found")
    )
    notes = tuple(note for note in parts[0].notes if all(note in part.notes for part in parts))
    return Certificate(proved, refuted, size, found, parts[0].distance, notes)


def _shown(spec: Spec) -> str:
    """A method without what is the same for all."""
    said = {k: v for k, v in spec.args.items() if k not in ("bounds", "norm")}
    return str(replace(spec, args=said))


def _right(model: Signed, chosen: Split) -> Bool[Tensor, " n"]:
    return classes_of(outputs_of(model, chosen.inputs)) == chosen.targets


def _proved(found: Certificate) -> Proved:
    unknown = ~found.proved & ~found.refuted
    return Proved(_share(found.proved), int(found.refuted.sum()), int(unknown.sum()))


def _share(standing: Bool[Tensor, " n"]) -> Share:
    count, whole = int(standing.sum()), len(standing)
    return Share(count / whole, *exact(count, whole))
