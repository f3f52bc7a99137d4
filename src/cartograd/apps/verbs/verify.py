"""Verify: of how many examples it is proved that their answer stands."""

import time
from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Bool
from torch import Tensor

from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target, name_of
from cartograd.apps.results.security_curve import Share
from cartograd.apps.results.verified import Proved, VerifiedAccuracy
from cartograd.apps.verbs.attack import attack, attacked, bounded, classes_of, outputs_of
from cartograd.apps.verbs.attack_size import size_notes
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.certificate import Certificate, Verifier
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Split
from cartograd.frontier.verification.certified import check_classifier
from cartograd.practice.metrics.proportion import exact

METHODS = ("ibp", "crown", "alpha-crown")
ATTACK = "pgd:steps=20"
SHARES = (0.002, 0.005, 0.01, 0.02)
"""Default sizes, as shares of the width of the bounds."""


def verify(
    target: Target,
    data: Data,
    /,
    methods: Sequence[str | Spec] = METHODS,
    *,
    eps: Sequence[float] = (),
    examples: int = 100,
    part: str | None = None,
    device: str = "auto",
) -> VerifiedAccuracy:
    """Verified accuracy by method and size, beside accuracy under PGD and without a change.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        methods: specs of verifiers.
        eps: by how much each number may change, in the units of the input port; by default 0.2,
            0.5, 1 and 2 % of its range. Of methods that certify a distance: within which.
        examples: how many are looked at: the first of a fixed shuffle.
        part: `train`, `valid`, `test` or `all`, by default as in `robustness`.
        device: `auto`, `cpu`, `cuda` or `mps`, where the model runs; bounds are computed on the
            processor.

    Raises:
        UsageError: the model is no classifier or has operations without a rule, the data do not
            fit it, or methods of several sorts are asked at once.
    """
    specs = [Spec.parse(method) for method in methods]
    if not specs:
        raise UsageError("there is no method; give at least one, such as crown")
    told = {bool(_told_eps(spec)) for spec in specs}
    if len(told) > 1:
        raise UsageError(
            f"{', '.join(str(spec) for spec in specs)}: some of these prove a box of the size eps, "
            "some find their own set; verify them apart"
        )
    model, chosen = attacked(target, data, part=part, examples=examples, device=device)
    check_classifier(model)
    source = f"{data if isinstance(data, str | Spec) else 'examples'}" + (
        f" ({part})" if part else ""
    )
    begun = VerifiedAccuracy(
        name_of(model), source, (), "", len(chosen), _share(_right(model, chosen)), {}
    )
    specs = [_bounded(spec, model, chosen.inputs) for spec in specs]
    if told == {True}:
        return _boxes(begun, model, chosen, specs, _sizes(eps, model, chosen.inputs))
    return _own_sets(begun, model, chosen, specs, eps)


def _told_eps(spec: Spec) -> bool:
    """Whether a verifier is told the size of a box.

    Raises:
        UsageError: there is no such verifier, or the spec says the size itself.
    """
    takes = hyperparameters(registry.find(spec.name, kind="verifier")[0])
    if "eps" in spec.args:
        raise UsageError(
            f"{spec} says its eps itself, and a table is of the same for all methods; give it "
            "beside the methods (eps=, --eps)"
        )
    return "eps" in takes


def _bounded(spec: Spec, model: Signed, x: Tensor) -> Spec:
    """A verifier with the range of the examples for bounds, where the model has none."""
    takes = hyperparameters(registry.find(spec.name, kind="verifier")[0])
    if model.signature.input.bounds is not None or "bounds" in spec.args or "bounds" not in takes:
        return spec
    return replace(spec, args=spec.args | {"bounds": (x.min().item(), x.max().item())})


def _boxes(
    begun: VerifiedAccuracy, model: Signed, chosen: Split, specs: list[Spec], eps: Sequence[float]
) -> VerifiedAccuracy:
    """What is proved of boxes, and what an attack leaves of them."""
    built: dict[str, list[Verifier]] = {
        _shown(spec): [build(replace(spec, args=spec.args | {"eps": size}), kind="verifier")
                       for size in eps] for spec in specs
    }  # fmt: skip
    attacker = bounded(ATTACK, model, chosen.inputs)
    standing = []
    for size in eps:
        own = replace(attacker, args=attacker.args | {"eps": size})
        moved = attack(model, chosen.inputs, chosen.targets, method=own).cpu()
        stands = classes_of(outputs_of(model, moved)) == chosen.targets
        standing.append(stands & standing[-1] if standing else stands)
    methods, seconds, fallen, notes = {}, {}, 0, list[str]()
    for name, verifiers in built.items():
        began, found = time.monotonic(), list[Certificate]()
        for verifier in verifiers:
            found.append(verifier(model, chosen.inputs, chosen.targets))
        seconds[name] = (time.monotonic() - began) / len(chosen) / len(eps)
        methods[name] = tuple(map(_proved, found))
        fallen += sum(int((one.proved & ~stands).sum()) for one, stands in
                      zip(found, standing, strict=True))  # fmt: skip
        notes += [note for one in found for note in one.notes if note not in notes]
    port, numbers = model.signature.input, chosen.inputs[0].numel()
    notes += [line for size in eps for line in size_notes(size, "linf", port, numbers)]
    if fallen:
        notes.append(f"{fallen} proofs are contradicted by an attack: this is a mistake of ours")
    return replace(
        begun, eps=tuple(eps), norm="linf", methods=methods, seconds=seconds, fallen=fallen,
        attacked=tuple(map(_share, standing)), attack=ATTACK, notes=tuple(notes),
    )  # fmt: skip


def _own_sets(
    begun: VerifiedAccuracy, model: Signed, chosen: Split, specs: list[Spec], eps: Sequence[float]
) -> VerifiedAccuracy:
    """What is proved of sets that are the methods' own: distances, or transformations."""
    built: dict[str, Verifier] = {_shown(spec): build(spec, kind="verifier") for spec in specs}
    found, seconds, notes = dict[str, Certificate](), dict[str, float](), list[str]()
    for name, verifier in built.items():
        began = time.monotonic()
        found[name] = verifier(model, chosen.inputs, chosen.targets)
        seconds[name] = (time.monotonic() - began) / len(chosen)
        notes += [note for note in found[name].notes if note not in notes]
    distances = {one.distance for one in found.values()}
    if len(distances) > 1:
        raise UsageError("some of these methods certify a distance, some do not; verify them apart")
    (norm,) = distances
    if not norm:
        if eps:
            raise UsageError(f"eps={list(eps)} means nothing to {', '.join(found)}; leave it out")
        methods = {name: (_proved(one),) for name, one in found.items()}
        return replace(begun, methods=methods, seconds=seconds, notes=tuple(notes))
    reached = max(float(one.size.max()) for one in found.values())
    sizes = tuple(sorted(set(map(float, eps)))) or tuple(reached * k / 4 for k in range(5))
    methods = {
        name: tuple(_proved(replace(one, proved=one.proved & (one.size >= size))) for size in sizes)
        for name, one in found.items()
    }
    return replace(begun, eps=sizes, norm=norm, methods=methods, seconds=seconds,
                   notes=tuple(notes))  # fmt: skip


def _shown(spec: Spec) -> str:
    """A method without what is the same for all."""
    return str(replace(spec, args={k: v for k, v in spec.args.items() if k != "bounds"}))


def _sizes(eps: Sequence[float], model: Signed, x: Tensor) -> tuple[float, ...]:
    if any(not 0 < size < float("inf") for size in eps):
        raise UsageError(f"eps={list(eps)}; expected numbers above 0")
    if eps:
        return tuple(sorted(set(map(float, eps))))
    low, high = model.signature.input.bounds or (x.min().item(), x.max().item())
    return tuple(share * (high - low) for share in SHARES)


def _right(model: Signed, chosen: Split) -> Bool[Tensor, " n"]:
    return classes_of(outputs_of(model, chosen.inputs)) == chosen.targets


def _proved(found: Certificate) -> Proved:
    unknown = ~found.proved & ~found.refuted
    return Proved(_share(found.proved), int(found.refuted.sum()), int(unknown.sum()))


def _share(standing: Bool[Tensor, " n"]) -> Share:
    count, whole = int(standing.sum()), len(standing)
    return Share(count / whole, *exact(count, whole))
