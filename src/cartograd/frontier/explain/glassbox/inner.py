"""What a signed model's own module sees."""

from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.core.signed import Signed, statistics


def inner_of(
    model: nn.Module, x: Shaped[Tensor, "b ..."], /
) -> tuple[nn.Module, Shaped[Tensor, "b ..."]]:
    """The module inside of a signed model, and the inputs as it gets them; others as they are."""
    if not isinstance(model, Signed):
        return model, x
    port = model.signature.input
    if not port.mean:
        return model.model, x
    mean, std = (side.to(x) for side in statistics(port))
    return model.model, (x - mean) / std
