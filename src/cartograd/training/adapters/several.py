"""Several adapters beside the weights of one network: each row of a batch is changed by its own.

The network's numbers are in memory once. A dense layer computes its product for all rows together,
and the changes of an adapter are added to its rows alone; so a batch may hold rows of all adapters,
and each is answered as if its adapter had been merged and it were alone.

    y_i = W x_i + change_a(i) (x_i),    a(i) the adapter of row i, or none

Shapes: rows `b ... d`, or `n d` of `b` rows with `n / b` positions each.

References:
    Lequn Chen, Zihao Ye, Yongji Wu, Danyang Zhuo, Luis Ceze, Arvind Krishnamurthy. Punica:
    multi-tenant LoRA serving. MLSys 2024. https://arxiv.org/abs/2310.18547
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.inference import Beginning, Joinable
from cartograd.core.pages import give_back
from cartograd.core.protocols import Decoder
from cartograd.training.adapters.beside import Change, Rescales, changes
from cartograd.training.adapters.lora import LowRank


@dataclass
class Rows:
    """Which adapter the rows of a batch belong to, while they are computed.

    Attributes:
        names: of the adapters.
        of_row: the place in `names` of each row, -1 of none.
    """

    names: tuple[str, ...]
    of_row: list[int] = field(default_factory=list)

    @contextmanager
    def assigned(self, of_row: Sequence[int], /) -> Iterator[None]:
        """Rows with their adapters, as long as the block lasts."""
        before, self.of_row = self.of_row, list(of_row)
        try:
            yield
        finally:
            self.of_row = before

    def numbers(self, names: Sequence[str | None], /) -> list[int]:
        """The places of adapters; -1 of None."""
        return [-1 if name is None else self.names.index(name) for name in names]

    def of_positions(self, count: int, device: torch.device, /) -> Int[Tensor, " n"]:
        """The adapter of each of so many positions; those of a row are together."""
        each = count // max(1, len(self.of_row))
        return torch.tensor(self.of_row or [-1], device=device).repeat_interleave(each or count)

    @property
    def adapted(self) -> bool:
        """Whether a row has an adapter."""
        return any(number >= 0 for number in self.of_row)


class ManyLinear(nn.Module):
    """A dense layer with a change for each adapter that has one here.

    The thin matrices of all LoRA adapters are one pair: a row's features inside are kept where they
    are its own adapter's, and 0 elsewhere, so that nothing of another reaches it.

    Args:
        layer: the base's.
        parts: the change of each adapter, by its place in `rows.names`.
        rows: says which adapter each row has.
    """

    owner: Tensor

    def __init__(self, layer: nn.Linear, parts: Mapping[int, nn.Module], rows: Rows, /):
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        thin = {number: part for number, part in parts.items() if isinstance(part, LowRank)}
        others = {str(number): part for number, part in parts.items() if number not in thin}
        self.parts, self.rows = nn.ModuleDict(others), rows
        down = self.weight.new_empty(0, self.in_features)
        up = self.weight.new_empty(self.out_features, 0)
        owner = [n for n, part in thin.items() for _ in range(part.up.shape[1])]
        if thin:
            down = torch.cat([part.get_parameter("down.weight").detach() for part in thin.values()])
            up = torch.cat([part.scale * part.up.detach() for part in thin.values()], 1)
        self.down = nn.Parameter(down, requires_grad=False)
        self.up = nn.Parameter(up, requires_grad=False)
        self.register_buffer("owner", torch.tensor(owner, dtype=torch.int64), persistent=False)

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d2"]:
        """The layer's answer, of each row with its own adapter."""
        flat = x.reshape(-1, self.in_features)
        said = F.linear(flat, self.weight, self.bias)
        if self.rows.adapted:
            mine = self.rows.of_positions(len(flat), flat.device)
            inside = F.linear(flat, self.down).masked_fill(self.owner != mine[:, None], 0)
            said = self.turned(torch.addmm(said, inside, self.up.T), flat, mine)
        return said.view(*x.shape[:-1], -1)

    def turned(
        self, said: Float[Tensor, "n d2"], x: Float[Tensor, "n d"], mine: Int[Tensor, " n"], /
    ) -> Float[Tensor, "n d2"]:
        """The answers, with the changes that are more than a pair of thin matrices (DoRA)."""
        for number, part in self.parts.items():
            own = (mine == int(number)).nonzero()[:, 0]
            if not len(own):
                continue
            some, given = said[own], x[own]
            if isinstance(part, Rescales):
                found = part.rescaled(some, given, self.weight, self.bias)
            else:
                found = some + part(given)
            said = said.index_copy(0, own, found)
        return said

    def stacked(
        self, others: Sequence[nn.Module], order: Int[Tensor, " n"] | None, /
    ) -> Callable[[Tensor], Tensor] | None:
        """From inputs to the outputs of all, in this order (`core.inference.Stackable`).

        The base's product is one, and that with the first of the thin matrices.
        """
        many = [one for one in (self, *others) if isinstance(one, ManyLinear)]
        if len(many) <= len(others):
            return None
        sizes, ranks = [one.out_features for one in many], [len(one.owner) for one in many]
        bias, owner = _joined(many), torch.cat([one.owner for one in many])
        weight, down = self.weight.detach(), self.down.detach()
        if len(many) > 1:
            weight = torch.cat([one.weight.detach() for one in many])
            down = torch.cat([one.down.detach() for one in many])
            parts = zip(many, weight.split(sizes), down.split(ranks), strict=True)
            for one, own, thin in parts:  # in memory once
                give_back(one.weight)
                one.weight.data, one.down.data = own, thin

        def product(x: Tensor) -> Tensor:
            said = F.linear(x, weight, bias)
            if self.rows.adapted:
                mine = self.rows.of_positions(len(x), x.device)
                inside = F.linear(x, down).masked_fill_(owner != mine[:, None], 0)
                pairs = zip(many, said.split(sizes, 1), inside.split(ranks, 1), strict=True)
                for one, part, own in pairs:
                    part.addmm_(own, one.up.T)
                    if one.parts:
                        part.copy_(one.turned(part, x, mine))
            return said if order is None else said[:, order]

        return product


def _joined(many: Sequence[ManyLinear]) -> Tensor | None:
    """The biases of layers in one; None where no layer has one."""
    if all(one.bias is None for one in many):
        return None
    return torch.cat([
        one.weight.new_zeros(one.out_features) if one.bias is None else one.bias.detach()
        for one in many
    ])  # fmt: skip


def several(model: nn.Module, adapters: Mapping[str, nn.Module], /) -> tuple[nn.Module, Rows]:
    """A network that answers each row by an adapter of its own, and what says by which.

    Args:
        model: the base; the result shares its weights.
        adapters: by name copies of it that share its weights (`shared`), each with its changes.

    Raises:
        UsageError: an adapter changes what is no dense layer.
    """
    rows, made = Rows(tuple(adapters)), shared(model)
    beside = dict[str, dict[int, nn.Module]]()
    for number, (name, one) in enumerate(adapters.items()):
        for place, layer, change in changes(one):
            if not isinstance(layer, nn.Linear) or not isinstance(change, Change):
                raise UsageError(
                    f"the adapter {name!r} changes {place}, which is no dense layer; several on "
                    "one base are for dense layers: serve its run instead"
                )
            beside.setdefault(place, {})[number] = change
    for place, layer in list(made.named_modules()):
        if isinstance(layer, nn.Linear):
            made.set_submodule(place, ManyLinear(layer, beside.get(place, {}), rows))
    return made.eval(), rows


def shared(model: nn.Module, /) -> nn.Module:
    """A copy of a network whose weights are those of the network itself."""
    tensors = (*model.parameters(), *model.buffers())
    return copy.deepcopy(model, {id(one): one for one in tensors})


class OwnAdapters:
    """A decoder each of whose rows has an adapter of its own (`core.protocols.Decoder`).

    Args:
        inner: the decoder of the network that `several` made.
        rows: what that gave beside it.
        of_row: the adapter of each row (`Rows.numbers`).
    """

    def __init__(self, inner: Decoder, rows: Rows, of_row: Sequence[int], /):
        self.inner, self.rows, self.of_row = inner, rows, list(of_row)

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self.inner.length

    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only."""
        with self.rows.assigned(self.of_row):
            return self.inner.read(tokens, last=last)

    def begin(
        self, prompt: Sequence[int], length: int, own: int = -1, count: int = 1, /
    ) -> Beginning:
        """Begin to read a prompt by its adapter.

        Raises:
            UsageError: texts cannot join others in the decoder, or there is no room.
        """
        if not isinstance(self.inner, Joinable):
            raise UsageError(f"a {type(self.inner).__name__} takes no further text beside others")
        return _ByOne(self, self.inner.begin(prompt, length, -1, count), own)

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order, each with its adapter."""
        self.of_row = [self.of_row[row] for row in rows.tolist()]
        self.inner.reorder(rows)

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        self.inner.rewind(length)


class _ByOne:
    """A prompt that is read by one adapter (`core.inference.Beginning`)."""

    def __init__(self, whole: OwnAdapters, inner: Beginning, own: int, /):
        self.whole, self.inner, self.own = whole, inner, own

    @property
    def left(self) -> int:
        """How many tokens are still to be read."""
        return self.inner.left

    def read(self, most: int, /) -> None:
        """Read so many more tokens at most."""
        with self.whole.rows.assigned([self.own]):
            self.inner.read(most)

    def join(self) -> Float[Tensor, "n v"]:
        """Have its texts be the last rows from now on; the logits after the prompt, of each."""
        logits = self.inner.join()
        self.whole.of_row += [self.own] * len(logits)
        return logits

    def close(self) -> None:
        """Give back what was read of it, unless its texts have joined."""
        self.inner.close()
