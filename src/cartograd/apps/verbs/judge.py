"""A judge: a classifier by whose features drawn examples are compared with real ones."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.signed import Signed

TOGETHER = 256
"""Examples that go through the network at once."""


class Judge:
    """A classifier that was trained on such examples.

    Args:
        model: its last dense layer sees the features of each example.

    Raises:
        UsageError: it has no such layer, or gives no classes.
    """

    def __init__(self, model: Signed, /):
        layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        if model.signature.target != "class" or not layers:
            raise UsageError(
                f"{name_of(model)} is no judge of drawn examples; expected a classifier with a "
                "dense last layer, as `cartograd train lenet5 --data digits` makes one"
            )
        self.model, self.last = model, layers[-1]

    def features(self, x: Float[Tensor, "n ..."], /) -> Float[Tensor, "n d"]:
        """What the last layer sees of each example."""
        return self._both(x)[0].double()

    def classes(self, x: Float[Tensor, "n ..."], /) -> Float[Tensor, "n k"]:
        """The logits of each example's classes."""
        return self._both(x)[1]

    def _both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen: list[Tensor] = []

        def look(_: nn.Module, given: tuple[Any, ...]) -> None:
            seen.append(given[0].flatten(1).cpu())

        port = self.model.signature.input
        if tuple(x.shape[1:]) != tuple(port.dims):
            raise UsageError(
                f"the judge {name_of(self.model)} takes examples of {tuple(port.dims)}; these are "
                f"of {tuple(x.shape[1:])}"
            )
        device = next(self.model.parameters()).device
        handle = self.last.register_forward_pre_hook(look)
        try:
            with inferring(self.model):
                logits = [self.model(part.to(device)).cpu() for part in x.split(TOGETHER)]
        finally:
            handle.remove()
        return torch.cat(seen), torch.cat(logits)


@dataclass(frozen=True)
class Judges:
    """Two classifiers of the same examples.

    Attributes:
        features: what its last layer sees are the features.
        classes: says of which class an example is.
        digest: of the two, for whoever compares figures.
    """

    features: Signed
    classes: Signed
    digest: str


def as_judges(given: Judges | Target | None, /) -> Judges | None:
    """Judges as they are; one classifier is the judge of both."""
    if given is None or isinstance(given, Judges):
        return given
    one = as_signed(given)
    return Judges(one, one, "")
