"""Where a gradient is followed back to: the input itself, tokens' vectors, or a hidden layer."""

from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.frontier.explain.at_layer import AtLayer, Hidden
from cartograd.frontier.explain.embedded import Embedded
from cartograd.frontier.inputs import check_takes

Within = Embedded | Hidden
"""A model of numbers inside another, with the example's own number behind them."""


def within(model: nn.Module, x: Shaped[Tensor, "b ..."], /) -> Within | None:
    """The model as a function of what is explained, where that is not its input.

    Args:
        model: as an explainer is given it.
        x: inputs, or tokens, which have no gradient.

    Returns:
        What takes the vectors of tokens or the numbers of a layer; None of real inputs.

    Raises:
        UsageError: no embedding is asked for these tokens, or the layer gives no numbers.
    """
    if isinstance(model, AtLayer):
        check_takes(model, x)
        return model.open(x)
    if x.is_floating_point():
        return None
    check_takes(model, x)
    return Embedded(model, x)
