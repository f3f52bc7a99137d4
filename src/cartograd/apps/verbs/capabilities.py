"""What a generative model can do, by what its network offers."""

from typing import Any, cast

from torch import nn

from cartograd.core.generative import Codes, Draws, DrawsCodes, Fills, Rebuilds
from cartograd.core.signed import Signed
from cartograd.generative.diffusion.denoiser import Denoiser, denoiser_of


def inverted(model: nn.Module, /) -> Denoiser | None:
    """The denoiser of a model's examples, whose path leads back; None of one of codes."""
    return None if isinstance(model, DrawsCodes) else denoiser_of(model)


def capabilities_of(model: Signed, denoiser: Denoiser | None, /) -> dict[str, str]:
    """Each thing with its kind; what the model cannot do is left out."""
    inner, network = model.model, cast("Any", model.model)
    if denoiser is not None:
        return {
            "sample": "noise" if model.signature.draws else "own",
            "log_prob": "ode, vlb", "encode": "inversion", "decode": "ddim",
            "interpolate": "codes", "inpaint": "repaint",
        }  # fmt: skip
    found = {}
    if model.signature.draws:
        found["sample"] = "noise"
    else:
        found |= {"sample": "own"} if isinstance(inner, Draws) else {}
        found |= {} if model.signature.task.rebuilds else {"log_prob": network.likelihood}
    if isinstance(inner, Codes):
        found |= {"encode": "own", "decode": "own", "interpolate": "codes"}
    if isinstance(inner, Rebuilds):
        found["reconstruct"] = "own"
    if isinstance(inner, Fills):
        found["inpaint"] = "own"
    return found
