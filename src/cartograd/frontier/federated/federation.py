"""A federation as an objective: its loss pulls the weights to what the clients found.

Each round the clients of it begin from the server's weights, learn on their own examples, and send
how their weights have changed. What the server makes of that is handed to the engine as a gradient,
so the server's step is one of any optimizer (SGD with a rate of 1 goes where the clients are, Adam
or Yogi make FedOpt of it), and checkpoints, averages and several processes are those of any run.

    u = combine_k (w_k - w),   gradient = -u,   w <- w + lr u for SGD

Shapes: see `local_steps`; a batch is a round (`rounds`).

References:
    Sashank Reddi and others. Adaptive federated optimization. ICLR 2021.
    https://arxiv.org/abs/2003.00295
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.func import functional_call

from cartograd.core.errors import UsageError
from cartograd.core.hashing import mixed
from cartograd.core.protocols import Batch, Loss, Validating
from cartograd.data.dataset.augment import Chain
from cartograd.data.dataset.plan import generator
from cartograd.frontier.federated.figures import Figures
from cartograd.frontier.federated.leaving import left_over, several
from cartograd.frontier.federated.local_steps import Found, LocalSteps
from cartograd.frontier.federated.masks import FEWEST, Masks, revealed
from cartograd.frontier.federated.robust import Combine
from cartograd.frontier.federated.rounds import Rounds


@dataclass(frozen=True)
class Terms:
    """What the server and the clients of a federation agreed on.

    Attributes:
        name: of the method.
        share: part of the clients that take part in a round.
        combine: what the server makes of updates; None for the sum that masks leave it.
        aggregate: the name of that.
        secure: whether updates are hidden by masks.
        controlled: whether gradients are corrected by control variates.
        flipped: how many of the clients send their update turned round, times their number.
        central: whether the same is trained beside it on all examples at one place.
        dropouts: which part of the clients of a round leaves in the midst of it.
    """

    name: str
    share: float
    combine: Combine
    aggregate: str = "mean"
    secure: bool = False
    controlled: bool = False
    flipped: int = 0
    central: bool = False
    dropouts: float = 0.0


class Federation(nn.Module):
    """Clients, and the server that learns of them; an objective of one player.

    Args:
        local: what clients do.
        clients: the numbers of each one's examples; some may have none.
        terms: of the federation.
        seed: of who takes part, and of the orders of examples.

    Attributes:
        players: the server's model.
        bound: what bounds how much a client can tell, if anything does.

    Raises:
        UsageError: too few clients would take part in a round.
    """

    control: Tensor
    controls: Tensor
    beside: Tensor
    secret: Tensor

    def __init__(
        self,
        local: LocalSteps,
        clients: Sequence[Int[Tensor, "..."]],
        /,
        *,
        terms: Terms,
        seed: int,
    ):
        super().__init__()
        self.objective, self.players = local.objective, local.objective.players
        ((self.player, _),) = self.players.items()
        self.local, self.clients, self.terms, self.seed = local, list(clients), terms, seed
        self.sizes = torch.tensor([len(own) for own in clients])
        self.bound: Any = None
        self._masks = Masks(len(clients)) if terms.secure else None  # in no checkpoint
        self._met = False
        begin = local.begin()
        kept = len(clients) if terms.controlled else 0
        self.register_buffer("control", begin.new_zeros(len(begin) if kept else 0))
        self.register_buffer("controls", begin.new_zeros(kept, len(begin)))
        self.register_buffer("beside", begin.clone() if terms.central else begin[:0])
        if terms.secure and self.expected < FEWEST:
            raise UsageError(
                f"{terms.name}: secure=true with {self.expected} clients in a round; the sum of two"
                f" tells each the other's update: expected at least {FEWEST}"
            )

    @property
    def expected(self) -> int:
        """Clients in a round."""
        return max(1, round(self.terms.share * int((self.sizes > 0).sum())))

    def batches(self, *, augment: Chain | None = None) -> Rounds:
        """The rounds of the training; `augment` changes the clients' examples."""
        self.local.augment = augment
        return Rounds(self.local.part, len(self.clients), self.members)

    def members(self, number: int, /) -> Bool[Tensor, " n"]:
        """Which clients take part in a round: of those with examples, drawn anew each time."""
        if self.bound is not None:
            return self.bound.members(number)
        having = (self.sizes > 0).nonzero()[:, 0]
        drawn = torch.randperm(len(having), generator=generator(self.seed, "clients", number))
        found = torch.zeros(len(self.clients), dtype=torch.bool)
        found[having[drawn[: self.expected]]] = True
        return found

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One number a row, whose gradient is the server's and whose value the clients' mean loss.

        Raises:
            UsageError: the batch is none of `batches`.
        """
        if len(batch) != 3 or any(x.is_floating_point() or x.ndim != 1 for x in batch):
            raise UsageError("federated: trained on other batches than its own; give `batches()`")
        rows, number, most = batch[0].cpu(), int(batch[1][0]), int(batch[2][0])
        members = self.members(number)
        own = rows[members[rows]]
        start = self.local.begin()
        found = self._found(own, start, number, most)
        if most == 0:
            self._introduced(rows)
        update, lost = self._combined(own, found, start, members, number, trial=most > 0)
        if self.terms.central:
            self._central(number, most)
        width, along = self.local.width, start.new_zeros(())
        for weight, part in zip(
            self.local.weights.values(),
            self.local.named(update).values(),
            strict=False,  # what moves by itself comes behind
        ):
            along = along - (weight * part).sum()
        self._move(update[width:])
        yield Loss((along - along.detach() + lost).expand(len(rows)), player=self.player)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """As the objective validates, and the same of the model beside it."""
        found = dict(self._validated(batch))
        if not self.terms.central:
            return found
        passed = Figures(self.local.module, self._validated)
        other = functional_call(passed, self.local.named(self.beside), (batch,))
        return found | {f"central/{name}": value for name, value in other.items()}

    def account(self, steps: int, /) -> dict[str, Any]:
        """What was sent in so many rounds and who had what, as plain values."""
        numbers = len(self.local.begin())
        down = 4 * numbers * (2 if self.terms.controlled else 1)
        up = (8 if self.terms.secure else 4) * numbers * (2 if self.terms.controlled else 1)
        took = sum(int(self.members(number).sum()) for number in range(steps))
        return {
            "method": self.terms.name, "rounds": steps, "clients": len(self.clients),
            "in a round": self.expected, "sent": took * (down + up), "up": up, "down": down,
            "aggregate": self.terms.aggregate, "secure": self.terms.secure,
            "way": self.local.way, "examples": self.sizes.tolist(),
        }  # fmt: skip

    def _found(self, own: Tensor, start: Tensor, number: int, most: int) -> Found:
        if not len(own):
            return Found(start.new_zeros(0, len(start)), own, start.new_zeros(0))
        extra = self.control - self.controls[own] if self.terms.controlled else None
        return self.local.run(
            [self.clients[k] for k in own], start,
            draws=[mixed(self.seed, number, int(k)) for k in own], correction=extra, most=most,
        )  # fmt: skip

    def _combined(
        self, own: Tensor, found: Found, start: Tensor, members: Tensor, number: int, *, trial: bool
    ) -> tuple[Float[Tensor, " d"], Float[Tensor, ""]]:
        """The server's update, and the mean of the clients' losses.

        Raises:
            UsageError: a client's loss is not finite.
        """
        told = torch.zeros_like(members) if trial else members
        told[own] = True
        places = told.nonzero()[:, 0]
        sizes = self.sizes[places].to(start)

        def sent(rows: Tensor) -> Tensor:
            whole = rows.new_zeros(len(members), *rows.shape[1:])
            whole[own] = rows
            if not trial and several():
                dist.all_reduce(whole)
            return whole[places]

        updates = found.weights - start
        updates[own < self.terms.flipped] *= -len(places)  # as large as all others' together
        if self.bound is not None:
            update = self.bound.combined(sent(self.bound.clipped(updates)), number)
        elif self._masks is not None and self.terms.dropouts and not trial:
            parts = (updates, sizes, places.tolist(), self._masks, number)
            update = left_over(*parts, seed=self.seed, dropouts=self.terms.dropouts)
        elif self._masks is not None:
            shares = self.sizes[own].to(start) / sizes.sum()
            hidden = [
                self._masks.hidden(row, own=int(k), members=places.tolist(), number=number)
                for k, row in zip(own, shares[:, None] * updates, strict=True)
            ]
            rows = torch.stack(hidden) if hidden else updates.long()
            update = revealed(sent(rows).sum(0), start)
        else:
            update = self.terms.combine(sent(updates), sizes)
        if self.terms.controlled:
            self._control(own, found, start, sent, places)
        lost = sent(found.loss)
        wrong = places[~lost.isfinite().cpu()].tolist()
        if wrong:
            raise UsageError(
                f"{self.terms.name}: the loss of client {wrong[0] + 1} of {len(members)} became "
                f"infinite or not a number in round {number + 1}; lower lr={self.local.lr:g}, its "
                f"step ({self.terms.name}:lr=...)"
            )
        return update, (lost * sizes).sum() / sizes.sum().clamp(min=1)

    def _control(
        self,
        own: Tensor,
        found: Found,
        start: Tensor,
        sent: Callable[[Tensor], Tensor],
        places: Tensor,
    ) -> None:
        """Clients and server renew their control variates, by what the steps were on average."""
        lr = found.steps.to(start)[:, None] * self.local.lr
        change = (start - found.weights) / lr - self.control
        change[:, self.local.width :] = 0
        assert len(change) == len(own)
        change = sent(change)
        self.controls[places] += change
        self.control += (self.sizes.to(change) / self.sizes.sum())[places] @ change

    def _introduced(self, rows: Tensor) -> None:
        """Once, processes give each other the public keys of their clients."""
        if self._masks is None or self._met or not several():
            return
        keys = {int(k): self._masks.public[int(k)] for k in rows}
        found: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(found, keys)
        for other in found:
            self._masks.introduce(other)
        self._met = True

    def _central(self, number: int, most: int) -> None:
        """The same epochs on all examples at one place."""
        everything = torch.cat(self.clients)
        draws = [mixed(self.seed, number, len(self.clients))]
        local = copy(self.local)
        local.mu = 0.0
        self.beside.copy_(local.run([everything], self.beside, draws=draws, most=most).weights[0])

    @torch.no_grad()
    def _move(self, update: Float[Tensor, " d"]) -> None:
        """Change the moving statistics, which no optimizer steps."""
        buffers = dict(self.local.module.named_buffers())
        moved = update.split([buffers[name].numel() for name in self.local.moving])
        for name, change in zip(self.local.moving, moved, strict=True):
            buffers[name] += change.view(buffers[name].shape)

    def _validated(self, batch: Batch) -> dict[str, Tensor]:
        if isinstance(self.objective, Validating):
            return self.objective.validate(batch)
        (found,) = self.objective.losses(batch)
        return {"loss": found.value} | ({} if found.weight is None else {"weight": found.weight})
