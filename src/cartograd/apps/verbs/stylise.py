"""Stylise: the content of one picture in the style of another, by the maps of a classifier."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.picture import picture
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.results.stylised import Stylised
from cartograd.core.errors import UsageError, unknown
from cartograd.core.eval_mode import evaluating
from cartograd.core.ports import Port
from cartograd.core.signed import Signed
from cartograd.engine.files.program import check_code
from cartograd.generative.style.adain import AdaIN
from cartograd.generative.style.gatys import STEPS, WEIGHT, Aim, restyled
from cartograd.generative.style.maps import last_of_each_size, maps

Picture = str | Path | Float[Tensor, "..."]
"""A file, or a picture `c y x` in the units of a model's input port."""


def stylise(
    target: Target,
    content: Picture,
    style: Picture,
    /,
    *,
    steps: int = STEPS,
    style_weight: float = WEIGHT,
    layers: Sequence[str] = (),
    seed: int | None = None,
) -> Stylised:
    """The content of one picture in the style of another (Gatys, Ecker and Bethge 2016).

    Args:
        target: a classifier of pictures with a signature, a run, a bundle, the path of one, or
            published weights. It only looks, and stays as it is.
        content: a file with a picture of the model's size, which is not scaled, or such a picture
            in the units of its input port.
        style: another.
        steps: down the slope of the two losses.
        style_weight: how much more the style counts than the content; 0 gives the content back.
        layers: names of the layers whose maps make the style, as `named_modules` has them, the
            finest first; the content is that of the last but one. If left out, the last layer of
            each size of maps.
        seed: begin at noise that is drawn from it; at the content picture if left out.

    Raises:
        UsageError: the model is no classifier of pictures or its layers give no maps, a picture
            does not fit it, or a number is out of range.
    """
    model = as_signed(target)
    port = _port_of(model)
    if steps < 1:
        raise UsageError(f"steps={steps} is out of range; expected at least 1")
    if not 0 <= style_weight < math.inf:
        raise UsageError(f"style_weight={style_weight} is out of range; expected 0 or more")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    given, other = (_given(one, port).to(device)[None] for one in (content, style))
    bounds = port.bounds or (0.0, 1.0)
    with evaluating(model), torch.inference_mode(mode=False), torch.enable_grad():
        given, other = given.clone(), other.clone()  # of none that inference has made
        named = _layers_of(model, given, layers)
        look = partial(maps, model.model, model, layers=set(named))
        aim = Aim(look, given, other, layers=named, place=named[-2:][0])
        start = given if seed is None else _noise(given, bounds, seed)
        made = restyled(aim, start, bounds=bounds, steps=steps, weight=style_weight)
        shown = {"content": given, "moments": AdaIN()(given, other).clamp(*bounds),
                 "stylised": made}  # fmt: skip
        figures = {name: aim.figures(x) for name, x in shown.items()}
    losses, cosines = ({name: pair[i] for name, pair in figures.items()} for i in range(2))
    if not all(map(math.isfinite, losses.values())):
        raise UsageError(
            f"{name_of(model)} gives maps of these pictures that are not finite; its weights are "
            "broken: train it anew"
        )
    return Stylised(made[0].cpu(), port, named, aim.place, losses, cosines)


def _port_of(model: Signed) -> Port:
    """What the pictures of a classifier are.

    Raises:
        UsageError: it is none.
    """
    signature = model.signature
    if len(signature.inputs) != 1 or signature.input.kind != "image" or (
        signature.target not in ("class", "classes")
    ):  # fmt: skip
        raise UsageError(
            f"{name_of(model)} is no classifier of pictures; a style is seen by the layers of one, "
            "as `cartograd train lenet5 --data digits` makes it"
        )
    check_code(model, "the maps of its layers")
    return signature.input


def _given(given: Picture, port: Port) -> Float[Tensor, "c y x"]:
    """A picture of a file, or one that is given as numbers.

    Raises:
        UsageError: it does not fit the port.
    """
    if not isinstance(given, Tensor):
        return picture(Path(given), port)
    dims = tuple(given.shape)
    if len(dims) != 3 or any(
        isinstance(dim, int) and dim != size for dim, size in zip(port.dims, dims, strict=True)
    ):
        raise UsageError(f"a picture is of shape {dims}; expected {tuple(port.dims)}")
    low, high = port.bounds or (0.0, 1.0)
    if not bool(((given >= low) & (given <= high)).all()):
        raise UsageError(f"a picture has numbers beyond {low} to {high}; scale them to these")
    return given.float()


def _layers_of(model: Signed, x: Float[Tensor, "1 c y x"], asked: Sequence[str]) -> tuple[str, ...]:
    """The layers whose maps make the style.

    Raises:
        UsageError: there are none, or one that is asked for gives no maps.
    """
    with torch.no_grad():
        found = maps(model.model, model, x)
    usual = last_of_each_size(found)
    if not usual:
        raise UsageError(
            f"no layer of {name_of(model)} gives maps of a picture (b c y x); expected a network "
            "of convolutions, as `cartograd train lenet5 --data digits` makes one"
        )
    for name in asked:
        if name not in found:
            raise unknown("layer", name, tuple(found))
    return tuple(asked) or usual


def _noise(x: Tensor, bounds: tuple[float, float], seed: int) -> Tensor:
    """Even noise within the bounds."""
    low, high = bounds
    drawn = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed))
    return (low + drawn * (high - low)).to(x)
