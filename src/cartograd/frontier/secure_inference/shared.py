"""A shared number as a tensor, so that models run on it as they are written.

Torch asks a tensor that is not its own what an operation means (`__torch_function__`); here it
means what parties do with their shares. Weights are shared when they are first used; what is no
parameter (the mean of the inputs, sizes) is known to all. What has no rule (`rules`) is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.frontier.secure_inference.arithmetic import Arithmetic
from cartograd.frontier.secure_inference.ring import fixed


class Shared(Tensor):
    """A number of which each party has a share.

    Args:
        shares: a row for each party that is here.
        by: what they can do with it, and the shared weights.
    """

    shares: Tensor
    by: "Known"

    @staticmethod
    def __new__(cls: type["Shared"], shares: Tensor, by: "Known") -> "Shared":
        """A tensor of the shape of the number, without any."""
        made = Tensor._make_wrapper_subclass(cls, shares.shape[1:], dtype=torch.float32)
        made.shares, made.by = shares, by
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        del tensor_contents
        return f"Shared({'x'.join(map(str, self.shares.shape[1:]))}, {len(self.shares)} shares)"

    @classmethod
    def __torch_function__(
        cls,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The operation on shares.

        Raises:
            UsageError: there is none.
        """
        kwargs = kwargs or {}
        name = func.__name__.strip("_")
        if name in ("get", "size", "dim", "numel", "is_floating_point"):  # of the shape alone
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        rules = next(one.by.rules for one in (*args, *kwargs.values()) if isinstance(one, Shared))
        if name not in rules:
            raise UsageError(
                f"secure inference has no {name}; it has {', '.join(sorted(rules))}: take a model "
                "of dense layers, convolutions, ReLU, pooling and batch normalisation"
            )
        return rules[name](*args, **kwargs)

    @classmethod
    def __torch_dispatch__(cls, func: Any, *_: Any, **__: Any) -> Any:
        """What gets past the table, which nothing should.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"secure inference has no {func}")


class Known:
    """The arithmetic of the parties, the weights that they have shares of, and what all know.

    Numbers that are written in the model's code are known to all, and so are the tensors named
    here; every other tensor is its owner's, and shared where it is used.

    Args:
        arithmetic: of shares.
        kept: weights and statistics of the model, which are shared once.
        public: tensors that all know.
        rules: what torch's functions mean, by their names.
    """

    def __init__(
        self,
        arithmetic: Arithmetic,
        kept: Sequence[Tensor],
        public: Sequence[Tensor],
        rules: Mapping[str, Callable[..., Any]],
        /,
    ):
        self.arithmetic, self.places, self.rules = arithmetic, arithmetic.places, rules
        self.kept, self.public = {id(one) for one in kept}, {id(one) for one in public}
        self.weights: dict[object, Tensor] = {}

    def weight(self, value: Tensor, key: object = None, /) -> Tensor:
        """Shares of a number of the model's owner; of a weight the same each time."""
        key = id(value) if key is None and id(value) in self.kept else key
        if key not in self.weights:
            found = self.arithmetic.shared(fixed(value.detach(), self.places))
            if key is None:
                return found
            self.weights[key] = found
        return self.weights[key]

    def input(self, x: Tensor, /) -> Shared:
        """A number of the one who asks."""
        return Shared(self.arithmetic.shared(fixed(x, self.places)), self)

    def knows(self, other: Any) -> bool:
        """Whether all know a number."""
        return not isinstance(other, Tensor) or id(other) in self.public

    def plus(self, x: Shared, other: Any, sign: int = 1) -> Shared:
        """Of another shared number, of one of the owner's, or of one that all know."""
        if not self.knows(other):
            return Shared(torch.add(*aligned(x.shares, sign * self._shares(other))), self)
        public = fixed(torch.as_tensor(other, dtype=torch.float32), self.places)
        like = public.expand(torch.broadcast_shapes(x.shape, public.shape))
        shares = x.shares.expand(-1, *like.shape)
        return Shared(self.arithmetic.parties.plus(shares, sign * like), self)

    def times(self, x: Shared, other: Any, *, known: bool | None = None) -> Shared:
        """The same of products."""
        if self.knows(other) if known is None else known:
            found = x.shares * fixed(torch.as_tensor(other, dtype=torch.float32), self.places)
        else:
            found = self.arithmetic.product(torch.mul, *aligned(x.shares, self._shares(other)))
        return Shared(self.arithmetic.cut(found), self)

    def _shares(self, other: Tensor) -> Tensor:
        return other.shares if isinstance(other, Shared) else self.weight(other)


def aligned(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Shares with as many dimensions, the parties first, as broadcasting has the numbers."""
    most = max(x.ndim, y.ndim)
    rows = [one[(slice(None), *[None] * (most - one.ndim))] for one in (x, y)]
    return rows[0], rows[1]
