"""What clients do between two messages: steps of SGD on their own examples, many clients at once.

A client's weights are one row of a matrix, so the steps of all clients are one pass of the model
that is mapped over rows (`vmap`). Clients with fewer batches end earlier; a batch that is not full
is filled up with rows that do not count. A model that cannot be mapped, or that would see the rows
that do not count (batch normalisation), takes its clients one after the other, on the same batches.

    w_k <- w_k - lr (grad_k(w_k) + correction_k + mu (w_k - w))

Shapes: weights are `n d`, a row for each client; `d` counts all that is trained, and behind it what
moves by itself (running statistics).

References:
    Brendan McMahan, Eider Moore, Daniel Ramage, Seth Hampson, Blaise Agüera y Arcas. Communication-
    efficient learning of deep networks from decentralized data. AISTATS 2017.
    https://arxiv.org/abs/1602.05629
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import starmap
from typing import Any
from warnings import catch_warnings, filterwarnings

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.func import functional_call, vmap

from cartograd.core.errors import UsageError, first_line
from cartograd.core.eval_mode import evaluating
from cartograd.core.hashing import mixed
from cartograd.core.protocols import Batch
from cartograd.data.dataset.augment import Chain
from cartograd.data.dataset.dataset import Examples, Split
from cartograd.engine.loop.probe import unchanged
from cartograd.frontier.federated.mean_loss import MeanLoss
from cartograd.frontier.federated.turns import turns

AT_ONCE = 2**28
"""Bytes that the weights of clients may take together; more clients come one group after another.
Steps hold about five times as much."""


Passed = tuple[dict[str, Tensor], Float[Tensor, "n d2"], Float[Tensor, " n"]]
"""Gradients by name, moving statistics and losses of clients."""


@dataclass(frozen=True)
class Found:
    """What clients found, a row for each.

    Attributes:
        weights: at the end.
        steps: how many each took.
        loss: the mean over its steps.
    """

    weights: Float[Tensor, "n d"]
    steps: Int[Tensor, " n"]
    loss: Float[Tensor, " n"]


class LocalSteps:
    """Steps of SGD by clients on examples of their own.

    Args:
        objective: whose losses, of one player.
        part: all examples.
        size: examples in a batch; a client with fewer takes all of them.
        epochs: how often each client goes through its examples.
        lr: of each step.
        mu: how strongly clients are held at where they began.
        augment: what changes the examples.

    Attributes:
        way: `vmap` or `alone`, chosen by comparison on a few examples.
        width: numbers that are trained.
        moving: names of buffers that move by themselves.
        shapes: of all that clients send, by name.

    Raises:
        UsageError: the objective has several players or losses, or no gradient of its loss.
    """

    def __init__(
        self,
        objective: Any,
        part: Examples,
        /,
        *,
        size: int,
        epochs: int,
        lr: float,
        mu: float = 0.0,
        augment: Chain | None = None,
    ):
        self.objective, self.part, self.augment = objective, part, augment
        self.size, self.epochs, self.lr, self.mu = size, epochs, lr, mu
        ((_, self.module),) = objective.players.items()
        self.passed = MeanLoss(objective, self.module)
        self.shapes = {name: weight.shape for name, weight in self.weights.items()}
        self.width = sum(shape.numel() for shape in self.shapes.values())
        every = [*self.module.named_parameters(remove_duplicate=False)]
        self.tied = len(every) > len([*self.module.parameters()])  # looking for them takes time
        self.moving: list[str] = []
        self.way = self._settle()

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """What is trained, by name."""
        return {name: w for name, w in self.module.named_parameters() if w.requires_grad}

    def begin(self) -> Float[Tensor, " d"]:
        """The model's weights and moving statistics in a row."""
        buffers = dict(self.module.named_buffers())
        rows = [*self.weights.values(), *(buffers[name] for name in self.moving)]
        return torch.cat([row.detach().flatten() for row in rows])

    def named(self, rows: Float[Tensor, "*n d"], /) -> dict[str, Tensor]:
        """Weights and moving statistics by their names in `MeanLoss`, as views of rows.

        Rows without moving statistics give the weights alone.
        """
        moving = rows.shape[-1] > self.width
        shapes = {k: v for k, v in self.shapes.items() if moving or k not in self.moving}
        parts = rows.split([shape.numel() for shape in shapes.values()], dim=-1)
        return {
            f"module.{name}": part.view(*rows.shape[:-1], *shape)
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }

    def run(
        self,
        clients: Sequence[Int[Tensor, "..."]],
        start: Float[Tensor, " d"],
        /,
        *,
        draws: Sequence[int],
        correction: Float[Tensor, "n d"] | None = None,
        most: int = 0,
    ) -> Found:
        """Let clients learn from the same beginning.

        Args:
            clients: the numbers of each one's examples, at least one.
            start: weights to begin from.
            draws: for each client the seed of the order of its examples.
            correction: what to add to the gradients of each.
            most: of steps; 0 for all.
        """
        sizes = torch.tensor([len(own) for own in clients])
        steps = self.epochs * -(-sizes // sizes.clamp(max=self.size))
        steps = steps.clamp(max=most) if most else steps
        longest = steps.argsort(descending=True, stable=True)
        found, losses = start.new_empty(len(steps), len(start)), start.new_empty(len(steps))
        trained, begun = slice(0, self.width), self.named(start[: self.width])
        per_group = max(1, AT_ONCE // (len(start) * start.element_size()))
        for group in longest.split(per_group):
            weights, lost = start.repeat(len(group), 1), start.new_zeros(len(group))
            here = self.named(weights[:, trained])
            extra = {} if correction is None else self.named(correction[group, trained])
            own = [clients[i] for i in group.tolist()], [draws[i] for i in group.tolist()]
            table = turns(*own, size=self.size, epochs=self.epochs)[:, : int(steps[group[0]])]
            for batch, real in self._batches(table, own[1], start.device):
                some = slice(0, len(real))  # those that have batches left
                gradients, now, loss = self._pass(weights[some], batch, real)
                for name, gradient in gradients.items():
                    if extra:
                        gradient += extra[name][some]
                    if self.mu:
                        gradient.add_(here[name][some] - begun[name], alpha=self.mu)
                    here[name][some].sub_(gradient, alpha=self.lr)
                weights[some, self.width :] = now
                lost[some] += loss
            found[group], losses[group] = weights, lost
        return Found(found, steps, losses / steps.to(losses))

    def _batches(
        self, table: Int[Tensor, "n t b"], draws: Sequence[int], device: torch.device
    ) -> Iterator[tuple[Batch, Bool[Tensor, "..."]]]:
        """Each step's batches of the clients that take it, `n b ...`, and which rows count."""
        for step in range(table.shape[1]):
            rows = table[table[:, step, 0] >= 0, step]
            if self.augment is None:  # no client has more of them
                rows = rows[:, : int((rows >= 0).sum(1).max())]
            real = rows >= 0
            rows = torch.where(real, rows, rows[:, :1])
            if self.augment is None:
                batch = self._made(rows.flatten(), 0)
            else:  # by draws of each client, whoever is beside it
                each = [self._made(row, mixed(draws[i], step)) for i, row in enumerate(rows)]
                batch = tuple(map(torch.cat, zip(*each, strict=True)))
            yield tuple(x.to(device).unflatten(0, rows.shape) for x in batch), real.to(device)

    def _made(self, rows: Int[Tensor, " n"], seed: int) -> Batch:
        """Some examples as a batch."""
        chosen = self.part.select(rows)
        texts = self.part.signature.input.padding_id is not None
        if isinstance(chosen, Split) and not texts and self.augment is None:
            return *chosen.arguments, chosen.targets  # as one gathering gives them
        made = chosen.batches(batch_size=len(rows), shuffle=False, augment=self.augment)
        return next(iter(made.epoch(0, seed=seed)))

    def _pass(
        self, weights: Float[Tensor, "n d"], batch: Batch, real: Bool[Tensor, "n b"]
    ) -> Passed:
        """Gradients, moving statistics after the pass, and losses."""
        if self.way == "vmap":
            return self._together(weights, batch, real)
        return self._alone(weights, batch, real)

    def _together(self, weights: Tensor, batch: Batch, real: Tensor) -> Passed:
        """The gradient of a sum of losses is each one's own: no loss knows another's weights."""

        def one(named: dict[str, Tensor], counts: Tensor, *own: Tensor) -> Tensor:
            return functional_call(self.passed, named, (counts, *own), tie_weights=self.tied)

        named = {name: row.detach().requires_grad_() for name, row in self.named(weights).items()}
        with torch.enable_grad(), catch_warnings():  # torch tells which operations are slow
            filterwarnings("ignore", "There is a performance drop")
            loss = vmap(one, randomness="different")(named, real, *batch)
            gradients = torch.autograd.grad(
                loss.sum(), [*named.values()], allow_unused=True, materialize_grads=True
            )
        found = dict(zip(named, gradients, strict=True))
        return found, weights[:, self.width :], loss.detach()

    def _alone(self, weights: Tensor, batch: Batch, real: Tensor) -> Passed:
        gradients, after, losses = [], [], []
        for place, row in enumerate(weights):
            own = tuple(x[place][real[place]] for x in batch)
            trained = row[: self.width].clone().requires_grad_()
            now = row[self.width :].clone()
            with torch.enable_grad():
                named = self.named(torch.cat([trained, now]))
                moved = {
                    f"module.{name}": named[f"module.{name}"].detach().clone()
                    for name in self.moving
                }
                loss = functional_call(self.passed, named | moved, (None, *own))
            gradients.append(torch.autograd.grad(loss, trained)[0])
            after.append(torch.cat([now[:0], *(one.flatten() for one in moved.values())]))
            losses.append(loss.detach())
        return self.named(torch.stack(gradients)), torch.stack(after), torch.stack(losses)

    def _settle(self) -> str:
        """The quickest way that is right on a few examples; notes which buffers move."""
        few = torch.arange(min(3, len(self.part)))
        start = self.begin()
        table = torch.stack([few, torch.where(few > 0, -1, few)])[:, None]
        ((batch, real),) = self._batches(table, [0, 1], start.device)
        with unchanged(self.module):
            before = {name: one.clone() for name, one in self.module.named_buffers()}
            try:
                self._alone(start[None], batch, real)
            except RuntimeError as error:
                raise UsageError(
                    f"federated: a client cannot take a step ({first_line(error)}); expected a "
                    "model that learns by the gradient of its loss, which trees do not"
                ) from error
            moved = {
                name: one.shape
                for name, one in self.module.named_buffers()
                if one.is_floating_point() and not torch.equal(one, before[name])
            }
        self.moving, self.shapes = [*moved], self.shapes | moved
        if self.moving or (start.device.type == "cpu" and self.convolves()):
            return "alone"
        rows = start.repeat(2, 1)
        with evaluating(self.module), suppress(Exception):  # whatever a model does in a pass
            found, right = self._together(rows, batch, real), self._alone(rows, batch, real)
            pairs = [(found[0][name], one) for name, one in right[0].items()]
            if all(starmap(_near, [*pairs, *zip(found[1:], right[1:], strict=True)])):
                return "vmap"
        return "alone"

    def convolves(self) -> bool:
        """Whether there are filters: filters of many clients are slower than one by one on CPUs."""
        return any(
            isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d) for part in self.module.modules()
        )


def _near(found: Tensor, right: Tensor) -> bool:
    """Whether numbers are alike, but for rounding."""
    scale = right.abs().max() if right.numel() else right.new_zeros(())
    return bool(((found - right).abs() <= 1e-3 * scale + 1e-6).all())
