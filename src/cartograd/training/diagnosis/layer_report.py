"""Activations and gradients layer by layer, in one training step of any module.

A signal that shrinks or grows by a constant factor at each layer is gone, or infinite, after enough
of them: forwards as activations, backwards as gradients. The report shows both for each layer,
which units are flat or dead, and how far a step moves each weight in proportion to it.

    gradient_l = sqrt(mean over examples of |dL/dh_l|^2),    update_l = |step of W_l| / |W_l|

Shapes: the batch is the objective's, usually inputs `b ...` and targets ` b`. Of a plain module
without an objective all tensors are inputs.

Departures: the paper shows histograms of activations and gradients over time; here are their
numbers in one step. A module without an objective gets unit noise as the gradient of its output.

References:
    Xavier Glorot, Yoshua Bengio. Understanding the difficulty of training deep feedforward neural
    networks. AISTATS 2010. https://proceedings.mlr.press/v9/glorot10a.html

>>> report = layer_report(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), (torch.ones(2, 3),))
>>> [layer.name for layer in report.layers]
['0', '1']
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss, Objective
from cartograd.engine.files.tensor_files import same_device
from cartograd.training.diagnosis.finding import Finding
from cartograd.training.diagnosis.probe import Probe
from cartograd.training.diagnosis.twin import device_of, gradients, optimizers_of, twin

CARD = Card(
    name="layer-report",
    kind="diagnostic",
    entry="layer_report",
    nodes=("challenge/vanishing-exploding",),
    title="Activations and gradients per layer",
    zh="逐层激活与梯度报告",
    paper="Understanding the difficulty of training deep feedforward neural networks",
    year=2010,
    url="https://proceedings.mlr.press/v9/glorot10a.html",
    proofs=(
        "law: through orthogonal layers of gain g the gradient is g to the depth, to 1e-10 in "
        "float64",
        "law: a plain step moves a weight by the learning rate times its gradient, to 1e-10 in "
        "float64",
    ),
    evidence={
        "challenge/vanishing-exploding": (
            "test_gradients_through_orthogonal_layers",
            "test_a_plain_step_moves_weights_by_rate_times_gradient",
        ),
    },
)

FADED = 1e-3
"""A gradient is said to vanish when this share of it, or less, reaches the first layer."""
MOSTLY = 0.5
"""Share of units from which dead or flat ones are told."""
STEPS = (1e-6, 1e-1)
"""Share of itself by which a step moves a weight that learns, but is not thrown about."""


@dataclass(frozen=True)
class Layer:
    """What one layer does in a step. What does not apply is None.

    Attributes:
        name, kind: the module's, in the order of the forward pass.
        mean, std: of its outputs, over examples and units.
        zeros: share of outputs that are 0.
        gradient: norm of the loss's gradient at its output for one example (root mean square).
        flat: of an activation, the share of its outputs where its slope is below a hundredth of
            the steepest.
        dead: of an activation, the share of units that are flat (slope 0) for every example.
        weight, weight_gradient: norms of its own parameters and of their gradient.
        update: how far the optimizer moved its matrices, as a share of their norm.
    """

    name: str
    kind: str
    mean: float
    std: float
    zeros: float
    gradient: float | None
    flat: float | None
    dead: float | None
    weight: float | None
    weight_gradient: float | None
    update: float | None


@dataclass(frozen=True)
class LayerReport:
    """The layers, and what stands out.

    Attributes:
        layers: in the order of the forward pass.
        findings: what is not as it should be.
        loss: of the batch.
    """

    layers: tuple[Layer, ...]
    findings: tuple[Finding, ...]
    loss: float


def layer_report(
    objective: Objective | nn.Module, batch: Batch, /, *, optimizers: str = "adamw:lr=1e-3"
) -> LayerReport:
    """What each layer does in one step on a batch; the objective and random state are unchanged.

    Args:
        objective: an objective, or any module (all tensors of the batch are its inputs).
        batch: as the objective takes it.
        optimizers: spec of the optimizer whose first step is measured, with its learning rate.

    Raises:
        UsageError: the objective cannot be copied, or its loss depends on no parameter.
    """
    known = isinstance(objective, Objective)
    players = objective.players.values() if known else (objective,)
    if any(isinstance(part, torch.jit.ScriptModule) for one in players for part in one.modules()):
        raise UsageError(
            "the layers of a scripted module cannot be looked at, as it runs as code of torch's "
            "own; look at rate, noise and batch, or give the module that it was made from"
        )
    with twin(objective if known else _Alone(objective)) as made:
        batch = same_device(batch, device_of(made))
        probe = Probe(made)
        steppers = optimizers_of(made, optimizers)
        losses = []
        with probe:
            for name, value in gradients(made, batch):
                losses.append(float(value))
                probe.weights(made.players[name], steppers[name])
        layers = tuple(Layer(**row) for row in probe.rows())
    if not layers:
        raise UsageError(
            "the layers cannot be looked at: no module of the model holds weights of its own where "
            "torch's layers do (Keras keeps them elsewhere); look at rate, noise and batch"
        )
    return LayerReport(layers, tuple(_findings(layers)), sum(losses))


class _Alone(nn.Module):
    """A module as an objective: the gradient that arrives at its output is unit noise."""

    def __init__(self, model: nn.Module, /) -> None:
        super().__init__()
        self.model = model
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """The outputs in a random direction, summed for each example."""
        answer: Any = self.model(*batch)
        answer = answer if isinstance(answer, Tensor) else answer[0]
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(answer.shape, generator=generator).to(answer)
        yield Loss((answer * noise).flatten(1).sum(1))


def _findings(layers: tuple[Layer, ...]) -> Iterator[Finding]:
    broken = [x.name for x in layers if not math.isfinite(x.std) or not _finite(x.gradient)]
    if broken:
        yield Finding(
            "not finite",
            f"outputs or gradients of {broken[0]} are infinite or not a number",
            ("lower the learning rate", "look for such numbers in the data"),
        )
        return
    yield from _flow(layers)
    for state, share in (("dead", "dead"), ("flat", "flat")):
        much = [x for x in layers if (getattr(x, share) or 0) > MOSTLY and _tells(x, state)]
        for layer in much:
            yield Finding(
                f"{state} units",
                f"{100 * getattr(layer, share):.0f} % of {layer.name} ({layer.kind})",
                ("lower the learning rate", "initialise by kaiming or xavier", "normalise before")
                + (("use leaky-relu, elu or gelu",) if state == "dead" else ()),
            )
    yield from _steps(layers)


def _flow(layers: tuple[Layer, ...]) -> Iterator[Finding]:
    """How much of the gradient comes from the last layer with weights to the first."""
    ways = [x for x in layers if x.weight is not None and x.gradient is not None]
    if len(ways) < 2 or not ways[-1].gradient:
        return
    share = (ways[0].gradient or 0.0) / ways[-1].gradient
    told = (
        f"{share:.1e} of the gradient at {ways[-1].name} arrives at {ways[0].name}, "
        f"{len(ways) - 1} layers before it"
    )
    if share < FADED:
        advice = ("relu or gelu instead of sigmoid or tanh", "initialise by kaiming or xavier")
        yield Finding("vanishing gradient", told, (*advice, "normalise", "skip connections"))
    elif share > 1 / FADED:
        advice = ("clip=1.0", "initialise by kaiming or xavier", "normalise")
        yield Finding("exploding gradient", told, advice)


def _steps(layers: tuple[Layer, ...]) -> Iterator[Finding]:
    low, high = STEPS
    moved = [x for x in layers if x.update is not None]
    fast = [x for x in moved if (x.update or 0.0) > high]
    slow = [x for x in moved if (x.update or 0.0) < low]
    if fast:
        told = f"a step moves {fast[0].name} by {fast[0].update:.1e} of itself"
        yield Finding("large steps", told, ("lower the learning rate", "clip=1.0"))
    if moved and len(slow) == len(moved):
        told = f"a step moves {slow[0].name} by {slow[0].update:.1e} of itself, all others alike"
        yield Finding("small steps", told, ("raise the learning rate",))


def _tells(layer: Layer, state: str) -> bool:
    """A ReLU is flat on one side by design; only what is dead says something of it."""
    return state == "dead" or not (layer.dead is not None and layer.zeros > 0.01)


def _finite(value: float | None) -> bool:
    return value is None or math.isfinite(value)
