"""Start the weights of a whole model by the scheme that a spec names."""

from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def initialise(model: nn.Module, spec: str, /) -> nn.Module:
    """Fill the weight of every dense and convolutional layer; their biases become 0.

    Normalisation layers, embeddings and weights that a model holds without a layer stay as they
    are.

    Args:
        model: changed in place, and returned.
        spec: name or text form of an initialiser, e.g. `kaiming` or `random-normal:std=0.02`.

    Raises:
        UsageError: no such initialiser (the nearest name is shown), or a model without layers
            that it could start.

    >>> layer = initialise(nn.Linear(2, 1), "constant:value=1")
    >>> layer.weight.tolist(), layer.bias.tolist()
    ([[1.0, 1.0]], [0.0])
    """
    fill = build(spec, kind="initialiser")
    layers = [module for module in model.modules() if isinstance(module, _LAYERS)]
    if not layers:
        raise UsageError(
            f"{type(model).__name__} has no dense or convolutional layer; call the initialiser on "
            f"its tensors"
        )
    for layer in layers:
        fill(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return model
