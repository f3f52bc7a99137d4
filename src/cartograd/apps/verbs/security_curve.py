"""The security curve: accuracy under attacks of several methods and sizes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from cartograd.apps.load.source import Data
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.results.security_curve import RANDOM, SecurityCurve, Share, Shown
from cartograd.apps.verbs.attack import attack, attacked, bounded, classes_of, outputs_of
from cartograd.apps.verbs.attack_size import size_notes
from cartograd.apps.verbs.masking import checks
from cartograd.core import registry
from cartograd.core.build import hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec, several
from cartograd.data.dataset.dataset import Split
from cartograd.frontier.security.ball import Ball, Norm, check, direction, noise, sizes
from cartograd.frontier.security.gain import valid
from cartograd.frontier.security.growing import growing
from cartograd.frontier.security.surrogates import together
from cartograd.practice.metrics.proportion import exact

METHODS = ("pgd", "apgd")
SHARES = (0.01, 0.02, 0.05, 0.1)
"""Default sizes, as shares of the width of the bounds."""
SHOWN = 6


def security_curve(
    target: Target,
    data: Data,
    /,
    methods: Sequence[str | Spec] = METHODS,
    *,
    eps: float | Sequence[float] = (),
    norm: Norm = "linf",
    surrogate: Target | Sequence[Target] | None = None,
    examples: int = 200,
    part: str | None = None,
    device: str = "auto",
) -> SecurityCurve:
    """How accuracy falls as attacks grow, beside random changes of the same size.

    What fell to a small change counts as fallen to a larger one, too. Methods that look for the
    shortest change are run once for all sizes.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        methods: specs of attacks.
        eps: sizes, in the units of the input port; by default 1, 2, 5 and 10 % of its range.
        norm: `linf` (each number moves by at most eps) or `l2` (the whole change is at most eps).
        surrogate: another model that the changes are made for, to be tried on this one, or several
            that they are made for together.
        examples: how many to attack: the first of a fixed shuffle.
        part: `train`, `valid`, `test` or `all`, by default as in `robustness`.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: as `robustness`, a method does not fit the norm, or the other model takes or
            answers something else.
    """
    check(norm)
    eps = (eps,) if isinstance(eps, int | float) else eps
    if as_signed(target).signature.input.kind == "text":
        raise UsageError(
            "a curve is of changes of any size, and the model reads tokens, which cannot move by a "
            "little; attack texts by one method: hotflip:share=0.1"
        )
    specs = [_fitting(method, norm) for method in several(methods)]
    if not specs:
        raise UsageError("there is no method; give at least one, such as pgd")
    model, chosen = attacked(target, data, part=part, examples=examples, device=device)
    maker = _maker(surrogate, model)
    specs = [bounded(spec, maker, chosen.inputs) for spec in specs]
    sizes_asked = _sizes(eps, model, chosen.inputs, norm)
    right = classes_of(outputs_of(model, chosen.inputs)) == chosen.targets
    runs = {_told(spec): _Run(model, maker, chosen, spec, sizes_asked, norm) for spec in specs}
    by_method = {name: run.standing for name, run in runs.items()}
    standing = by_method | {RANDOM: _random(model, chosen, sizes_asked, norm)}
    own, numbers = model.signature.input, chosen.inputs[0].numel()
    return SecurityCurve(
        model=name_of(model),
        source=f"{data if isinstance(data, str | Spec) else 'examples'}"
        + (f" ({part})" if part else ""),
        eps=sizes_asked,
        norm=norm,
        examples=len(chosen),
        clean=_share(right),
        shares={name: tuple(map(_share, each)) for name, each in standing.items()},
        passes={name: run.passes for name, run in runs.items()},
        checks=checks(model, chosen, sizes_asked[-1], norm, by_method, own=maker is model),
        signature=model.signature,
        together=_together(by_method),
        notes=tuple(line for size in sizes_asked for line in size_notes(size, norm, own, numbers)),
        shown=_shown(model, chosen, runs, sizes_asked),
    )


def _maker(surrogate: Target | Sequence[Target] | None, model: Signed, /) -> Signed:
    """What the changes are made for: the model itself, another one, or several together.

    Raises:
        UsageError: the list of others is empty, or one of them is not like the model.
    """
    if surrogate is None:
        return model
    if isinstance(surrogate, Target):
        return _alike(as_signed(surrogate), model)
    if not surrogate:
        raise UsageError("surrogate=[] names no model; give at least one, or leave it out")
    others = [_alike(as_signed(one), model) for one in surrogate]
    return others[0] if len(others) == 1 else together(others)


def _alike(other: Signed, model: Signed, /) -> Signed:
    """A model that the changes can be made for, on the device of the one that they are tried on.

    Raises:
        UsageError: it takes inputs of another shape or range, or has other classes.
    """
    other.signature.task.check("attack")
    theirs, ours = other.signature, model.signature
    for what, one, two in (
        ("takes inputs of shape", theirs.input.dims, ours.input.dims),
        ("takes inputs within", theirs.input.bounds, ours.input.bounds),
        (
            "has the classes",
            theirs.output.labels or theirs.classes,
            ours.output.labels or ours.classes,
        ),
    ):
        if one != two:
            raise UsageError(
                f"the other model {what} {one}, this one {two}; changes can be tried on models "
                "that take and answer the same"
            )
    return other.to(model.output_mean.device)


def _told(spec: Spec) -> str:
    """A method without what is the same for all."""
    own = {key: value for key, value in spec.args.items() if key not in ("bounds", "norm")}
    return str(replace(spec, args=own))


def _fitting(method: str | Spec, norm: Norm) -> Spec:
    """A method that is told its size here.

    Raises:
        UsageError: it says its size itself, or measures changes by another norm.
    """
    spec = Spec.parse(method)
    takes = hyperparameters(registry.find(spec.name, kind="attack")[0])
    said = {"eps", "norm"} & set(spec.args)
    if said:
        word = min(said)
        raise UsageError(
            f"{spec} says its {word} itself, and a curve is of the same for all methods; give it "
            f"beside the methods ({word}=, --{word})"
        )
    if "norm" in takes:
        return replace(spec, args=spec.args | {"norm": norm})
    if "share" in takes and "eps" not in takes:
        raise UsageError(f"{spec.name} changes texts, and a curve is of changes of any size")
    own = "linf" if "eps" in takes else "l2"  # fgsm's steps are of signs; ddn and cw are Euclidean
    if own != norm:
        others = [
            card.name
            for card in registry.cards().values()
            if card.kind == "attack" and "norm" in hyperparameters(card)
        ]
        raise UsageError(
            f"{spec.name} measures changes by {own}, not by {norm}; by either do "
            f"{', '.join(sorted(others))}"
        )
    return spec


def _sizes(eps: Sequence[float], model: Signed, x: Tensor, norm: Norm) -> tuple[float, ...]:
    """The sizes, from small to large.

    Raises:
        UsageError: one is not a positive number.
    """
    if any(not 0 < size < float("inf") for size in eps):
        raise UsageError(f"eps={list(eps)}; expected numbers above 0")
    if eps:
        return tuple(sorted(set(map(float, eps))))
    low, high = model.signature.input.bounds or (x.min().item(), x.max().item())
    width = (high - low) * (x[0].numel() ** 0.5 / 2 if norm == "l2" else 1)
    return tuple(share * width for share in SHARES)


class _Run:
    """A method on all sizes: what stands at each, what fell how, and what that cost."""

    def __init__(
        self,
        model: Signed,
        maker: Signed,
        chosen: Split,
        spec: Spec,
        eps: Sequence[float],
        norm: Norm,
        /,
    ):
        takes = hyperparameters(registry.find(spec.name, kind="attack")[0])
        with _counted(maker) as rows:
            if "eps" in takes:

                def of_size(x: Tensor, y: Tensor, size: float) -> Tensor:
                    own = replace(spec, args=spec.args | {"eps": size})
                    return attack(maker, x, y, method=own).cpu()

                def right(x: Tensor, y: Tensor) -> Tensor:
                    return classes_of(outputs_of(model, x)) == y

                x, y = chosen.inputs, chosen.targets
                self.point, self.standing = growing(of_size, right, x, y, eps)
            else:
                self.point = attack(maker, chosen.inputs, chosen.targets, method=spec).cpu()
                fallen = classes_of(outputs_of(model, self.point)) != chosen.targets
                length = sizes(self.point - chosen.inputs, norm)
                self.standing = [~(fallen & (length <= size * (1 + 1e-6))) for size in eps]
        self.passes = rows[0] / len(chosen)


@contextmanager
def _counted(model: nn.Module) -> Iterator[list[int]]:
    """How many rows the model is given meanwhile."""
    rows = [0]

    def count(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        rows[0] += len(inputs[0])

    handle = model.register_forward_pre_hook(count)
    try:
        yield rows
    finally:
        handle.remove()


def _random(
    model: Signed, chosen: Split, eps: Sequence[float], norm: Norm
) -> list[Bool[Tensor, " n"]]:
    """What stands against changes of random signs, or of l2 in random directions."""
    x, own = chosen.inputs, model.signature.input.bounds
    low, high = valid(model, x, chosen.targets, None if own else (x.min().item(), x.max().item()))
    generator, standing = torch.Generator().manual_seed(0), []
    for size in eps:
        change = noise(x, 1.0, norm, generator)
        moved = x + size * direction(change, norm)
        moved = Ball(x, low, high, eps=size, norm=norm).project(moved)
        standing.append(classes_of(outputs_of(model, moved)) == chosen.targets)
    return standing


def _together(by_method: dict[str, list[Bool[Tensor, " n"]]]) -> tuple[Share, ...]:
    """What stands against all methods, at each size."""
    sizes = zip(*by_method.values(), strict=True)
    return tuple(_share(torch.stack(each).all(0)) for each in sizes)


def _share(standing: Bool[Tensor, " n"]) -> Share:
    count, whole = int(standing.sum()), len(standing)
    return Share(count / whole, *exact(count, whole))


def _shown(
    model: Signed, chosen: Split, runs: dict[str, _Run], eps: tuple[float, ...]
) -> Shown | None:
    """Examples that were right and fell at the least size, by the method that felled most there."""
    before = outputs_of(model, chosen.inputs)
    right = classes_of(before) == chosen.targets
    for at, size in enumerate(eps):
        fallen = {name: right & ~run.standing[at] for name, run in runs.items()}
        name = max(fallen, key=lambda one: int(fallen[one].sum()))
        rows = fallen[name].nonzero()[:SHOWN, 0]
        if len(rows):
            moved = runs[name].point[rows]
            return Shown(
                name, size, chosen.inputs[rows], moved, chosen.targets[rows], before[rows],
                outputs_of(model, moved),
            )  # fmt: skip
    return None
