"""The network of a denoiser, by what its examples are, or the one that is asked for."""

import inspect

from torch import nn

from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.generative.diffusion.mlp import DenoisingMLP
from cartograd.generative.diffusion.unet import UNet

LARGE = 24
"""Pictures at least this wide are cut into patches of two by two."""


def bound(channels: int | None, /) -> float | None:
    """What guessed pictures are kept within, whose numbers are from -1 to 1."""
    return None if channels is None else 1.0


def chosen_network(
    network: Spec | str | None,
    /,
    *,
    features: int | None,
    channels: int | None,
    size: int | None,
    classes: int | None,
    width: int,
    dropout: float = 0.0,
    outputs: int = 1,
) -> nn.Module:
    """The layer that is asked for; else a U-Net for pictures, dense layers for anything else.

    Args:
        network: spec of a layer that takes noisy examples, times and classes, such as `dit` of
            pictures and `diffwave-net` of sounds; the sizes that it leaves out are those below,
            and its `dim` is four times `width`.
        features: numbers of an example.
        channels: of a picture; None of anything else.
        size: height and width of a square picture.
        classes: how many, or None.
        width: channels at the largest size, or a quarter of the units of a layer.
        dropout: share of activations that are dropped in each block of a network of pictures.
        outputs: answers, each of the shape of an example.

    Raises:
        UsageError: nothing is said of the examples, or the layer cannot be used.
    """
    if channels is None and features is None:
        raise UsageError(
            "a denoiser needs features= of vectors, or channels= and size= of pictures"
        )
    if network is not None:
        sizes: dict[str, float | None] = {
            "features": features, "channels": channels, "size": size, "classes": classes,
            "dim": 4 * width,
        }  # fmt: skip
        return _asked(Spec.parse(network), sizes | {"dropout": dropout, "outputs": outputs})
    if channels is None:
        return DenoisingMLP(features or 0, width=4 * width, classes=classes, outputs=outputs)
    patch = 2 if (size or LARGE) >= LARGE else 1
    return UNet(
        channels, width=width, patch=patch, classes=classes, dropout=dropout, outputs=outputs
    )


def _asked(spec: Spec, sizes: dict[str, float | None]) -> nn.Module:
    """The layer of a spec, its sizes filled in.

    Raises:
        UsageError: it is no network of denoisers, or not of such examples.
    """
    card, _ = registry.find(spec.name, kind="layer")
    takes = hyperparameters(card)
    if "outputs" not in takes:
        raise UsageError(
            f"network={spec.name} takes no noise away; expected dit (pictures) or diffwave-net "
            f"(sounds), or leave it out"
        )
    missing = [
        key for key in ("channels", "size")
        if sizes[key] is None and key in takes
        and takes[key].default is inspect.Parameter.empty
    ]  # fmt: skip
    if missing:
        raise UsageError(f"network={spec.name} is for square pictures; these have no {missing[0]}=")
    if sizes["channels"] is not None and "channels" not in takes:
        raise UsageError(
            f"network={spec.name} is for sounds, and these are pictures; expected dit, or leave it "
            "out"
        )
    left = {key: value for key, value in sizes.items() if key in takes and key not in spec.args}
    return build(spec, kind="layer", **left)
