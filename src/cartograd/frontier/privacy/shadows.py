"""Shadow models: networks like one that is attacked, of which it is known what they learned from.

Each learns from another half of the same examples, every example from half of the networks. So it
can be seen how sure networks of this kind are of an example that they have seen, and of one that
they have not. They learn side by side, as one network of one more dimension, which is how a step
of many small networks costs hardly more than of one; convolutions on a processor, which are slower
that way, and what torch cannot do so, learn one after the other.

Shapes: x `n ...`, y `n`; which shadow has which example `s n`; scores `s n`.

References:
    Reza Shokri, Marco Stronati, Congzheng Song, Vitaly Shmatikov. Membership inference attacks
    against machine learning models. IEEE S&P 2017. https://arxiv.org/abs/1610.05820
"""

import copy
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.engine.device.randomness import preserved
from cartograd.engine.optim.optimizers import optimizer, spare, undecayed
from cartograd.engine.optim.schedule import schedule
from cartograd.frontier.privacy.membership import both, scores
from cartograd.frontier.privacy.told import classified

GROWN = "grow"
"""The objective of trees, which is no descent."""

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@runtime_checkable
class Renewable(Protocol):
    """A layer that draws its weights anew."""

    def reset_parameters(self) -> None:
        """Draw them."""
        ...


@dataclass(frozen=True)
class Lessons:
    """How shadows learn: as the model did, as far as that is known.

    Attributes:
        optimizer: spec of one that steps each number by itself, as stacked weights need it.
        schedule: spec of its rate, or None.
        epochs: how often each example is seen.
        batch_size: examples in a batch.
        seed: of the weights to begin with and of the order.
    """

    optimizer: str = "adamw:lr=3e-3"
    schedule: str | None = "cosine"
    epochs: int = 30
    batch_size: int = 32
    seed: int = 0


def halves(count: int, shadows: int, /, *, seed: int) -> Bool[Tensor, "s n"]:
    """Which shadow learns from which example: each example is in exactly half of them.

    Raises:
        UsageError: the number of shadows is odd, or below two.

    >>> bool((halves(9, 4, seed=0).sum(0) == 2).all())
    True
    """
    if shadows < 2 or shadows % 2:
        raise UsageError(
            f"shadows={shadows}: every example is to be in half of them; expected an even number"
        )
    draw = torch.Generator().manual_seed(seed)
    inside = torch.zeros(shadows, count, dtype=torch.bool)
    for pair in range(0, shadows, 2):
        order = torch.randperm(count, generator=draw)
        inside[pair, order[: count // 2]] = True
        inside[pair + 1] = ~inside[pair]
    return inside


def anew(model: nn.Module, seed: int, /) -> nn.Module:
    """The same network before it has learned.

    Raises:
        UsageError: it was not made by name, and holds weights that cannot be drawn anew; or it does
            not learn step by step.
    """
    _check_learns(model)
    with preserved(torch.device("cpu")):
        torch.manual_seed(seed)
        if isinstance(model, Signed) and model.spec is not None:
            made: nn.Module = build(model.spec, signature=model.signature)
        else:
            made = copy.deepcopy(model)
            for name, part in made.named_modules():
                if isinstance(part, Renewable):
                    part.reset_parameters()
                elif list(part.parameters(recurse=False)):
                    raise UsageError(
                        f"{name or type(part).__name__} holds weights and has no "
                        "reset_parameters(), so that no fresh network can be made of it; give a "
                        "model that was made by name"
                    )
    for weight in made.parameters():
        weight.requires_grad_()
        weight.grad = None
    where = next(model.parameters(), None)
    return made if where is None else made.to(where.device)


def _check_learns(model: nn.Module) -> None:
    """Refuse what grows at once, whose weights no gradient leads anywhere."""
    spec = model.spec if isinstance(model, Signed) else None
    own = registry.find(spec.name, kind="model")[0].objective if spec is not None else ""
    if spec is not None and own == GROWN:
        raise UsageError(
            f"{spec.name} grows at once, and networks beside it would be taught step by step; take "
            "a method that only asks, as --method membership"
        )


def taught(
    model: nn.Module,
    x: Shaped[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    inside: Bool[Tensor, "s n"],
    lessons: Lessons,
    /,
) -> list[nn.Module]:
    """A network like the model for each row of `inside`, taught its examples.

    Raises:
        UsageError: as `anew`; the optimizer, or a row without examples.
    """
    if not inside.any(1).all():
        raise UsageError("a shadow model has no example to learn from; give more examples")
    with torch.inference_mode(False), torch.enable_grad():
        made = [anew(model, lessons.seed + 1 + number) for number in range(len(inside))]
        rows = [own.nonzero()[:, 0] for own in inside]
        slow = x.device.type == "cpu" and any(isinstance(m, CONVOLUTIONS) for m in model.modules())
        with preserved(x.device):
            torch.manual_seed(lessons.seed)
            if slow or not _together(made, x, y, rows, lessons):
                for number, (one, own) in enumerate(zip(made, rows, strict=True)):
                    _alone(one, x, y, own, lessons, number)
    return [one.eval() for one in made]


def _batches(rows: list[Tensor], lessons: Lessons, number: int) -> list[Tensor]:
    """Row numbers `s b`, a batch after the other; all shadows have as many."""
    least = min(map(len, rows))
    draws = [torch.Generator().manual_seed(lessons.seed + number + i) for i in range(len(rows))]
    found = list[Tensor]()
    for _ in range(lessons.epochs):
        orders = [
            own[torch.randperm(len(own), generator=draw)[:least]]
            for own, draw in zip(rows, draws, strict=True)
        ]
        batches = torch.stack(orders).split(lessons.batch_size, 1)
        # Of one example alone batch normalisation knows no spread.
        found += [one for one in batches if one.shape[1] > 1] or batches
    return found


def _alone(
    model: nn.Module, x: Tensor, y: Tensor, own: Tensor, lessons: Lessons, number: int
) -> None:
    """Teach one network."""
    weights = list(model.parameters())
    model.train()
    steps = _batches([own], lessons, number)
    advance = _stepper(weights, undecayed(model), lessons, len(steps))
    for rows in steps:
        advance(F.cross_entropy(both(model(x[rows[0]])), y[rows[0]]))


def _together(
    models: list[nn.Module], x: Tensor, y: Tensor, rows: list[Tensor], lessons: Lessons
) -> bool:
    """Teach all at once; False, and nothing done, where torch cannot."""
    stacked, buffers = stack_module_state(models)
    weights = {name: nn.Parameter(value.detach()) for name, value in stacked.items()}
    like = copy.deepcopy(models[0]).to("meta").train()

    def lost(weights: Any, buffers: Any, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(both(functional_call(like, (weights, buffers), (x,))), y)

    losses = vmap(lost, randomness="different")
    steps = _batches(rows, lessons, 0)
    few = steps[0][:, :2]
    kept = {name: value.clone() for name, value in buffers.items()}
    try:
        losses(weights, kept, x[few], y[few])
    except (RuntimeError, NotImplementedError):
        return False
    spared = undecayed(models[0])
    names = {name for name, weight in models[0].named_parameters() if id(weight) in spared}
    free = {id(weights[name]) for name in names}
    advance = _stepper(list(weights.values()), free, lessons, len(steps))
    for step in steps:
        advance(losses(weights, buffers, x[step], y[step]).sum())
    for number, model in enumerate(models):
        learned = {**weights, **buffers}
        held = [*model.named_parameters(), *model.named_buffers()]
        with torch.no_grad():
            for name, value in held:
                value.copy_(learned[name][number])
    return True


def _stepper(weights: list[Any], free: set[int], lessons: Lessons, steps: int) -> Any:
    """What steps down a loss, at the rate of the moment."""
    moves = optimizer(lessons.optimizer, weights)
    spare(moves, free)
    plan = None
    if lessons.schedule is not None:
        plan = schedule(lessons.schedule, moves, steps, epochs=lessons.epochs)
    done = 0

    def advance(loss: Tensor) -> None:
        nonlocal done
        if plan is not None:
            plan.begin(done * lessons.epochs // steps, ())
            plan.apply(done)
        slopes = torch.autograd.grad(loss, weights, allow_unused=True)
        for weight, slope in zip(weights, slopes, strict=True):
            # Fused steps go through memory as it lies, and gradients of vmap may lie otherwise.
            weight.grad = None if slope is None else slope.contiguous()
        moves.step()
        done += 1

    return advance


def seen_by_shadows(
    model: nn.Module,
    members: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    shadows: int,
    lessons: Lessons,
    what: str,
    /,
) -> tuple[Float[Tensor, " n"], Float[Tensor, "s n"], Bool[Tensor, "s n"], int]:
    """How sure a model and its shadows are of members and, after these, of others.

    Returns:
        Log-odds by the model and by each shadow, which shadow learned from which example, and how
        many members there are.

    Raises:
        UsageError: as `classified`, `halves` and `taught`.
    """
    (x1, y1), (x2, y2) = (classified(one, what) for one in (members, others))
    x, y = torch.cat([x1, x2]), torch.cat([y1, y2])
    inside = halves(len(x), shadows, seed=lessons.seed)
    networks = taught(model, x, y, inside, lessons)
    phi = torch.stack([scores(one, x, y).cpu() for one in networks])
    return scores(model, x, y).cpu(), phi, inside, len(x1)
