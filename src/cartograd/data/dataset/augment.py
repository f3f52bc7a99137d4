"""Augmentation of training batches: a chain of methods, each by its name, fitted to the data."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.core.build import build, resolve
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.dataset.moved import moves, with_masks
from cartograd.data.dataset.moved_boxes import with_boxes

PLACE = "regularize/augmentation-"
"""A card's place of the map says what it augments: `...-image`, `...-text`, `...-audio`."""

Chain = str | Sequence[str | Spec]
"""`"flip,crop:padding=2"`, or a list of specs."""


_WITH = {"masks": with_masks, "boxes": with_boxes}


class Augment:
    """Methods of augmentation, one after another, for inputs of one port.

    The random numbers of a method depend on the seed, the epoch, the example's index and the
    method's place in the chain, and on nothing else.

    Args:
        chain: specs of the methods.
        port: what the inputs are.
        goes: what goes with the pixels: `masks` of labels, `boxes`, or nothing.

    Raises:
        UsageError: a method is unknown, or does not fit the inputs or what goes with them.
    """

    def __init__(self, chain: Chain, port: Port, /, *, goes: str = "") -> None:
        self.specs, self.goes = specs(chain), goes
        self.methods = [_fitting(spec, port) for spec in self.specs]
        if all(isinstance(size, int) for size in port.dims):
            one = torch.zeros(1, *(int(size) for size in port.dims))
            self(one, torch.zeros(1, dtype=torch.long), seed=0, epoch=0)  # any other error
        for spec, method in zip(self.specs if goes else (), self.methods, strict=False):
            if moves(method) is None:
                raise UsageError(
                    f"augment: {spec.name} does not say how far it moves pixels, and {goes} have "
                    "to follow them; take some of flip, alternating-flip, crop, resized-crop, "
                    "affine, rotate, jitter, blur, erase"
                )

    def __str__(self) -> str:
        return ",".join(map(str, self.specs))

    def __call__(
        self, x: Shaped[Tensor, "b ..."], index: Int[Tensor, " b"], /, *, seed: int, epoch: int
    ) -> Shaped[Tensor, "b ..."]:
        """A batch of inputs augmented; `index` says which examples of the dataset they are."""
        for number, method in enumerate(self.methods):
            x = method(x, CounterRandom(index, seed=seed, epoch=epoch, place=(number,)))
        return x

    def both(
        self,
        x: Shaped[Tensor, "b ..."],
        y: Shaped[Tensor, "b ..."],
        index: Int[Tensor, " b"],
        /,
        *,
        seed: int,
        epoch: int,
    ) -> tuple[Shaped[Tensor, "b ..."], Shaped[Tensor, "b ..."]]:
        """A batch augmented, with its targets: masks and boxes go where the pixels go."""
        if not self.goes:
            return self(x, index, seed=seed, epoch=epoch), y
        for number, method in enumerate(self.methods):
            rng = CounterRandom(index, seed=seed, epoch=epoch, place=(number,))
            x, y = _WITH[self.goes](method, x, y, rng)
        return x, y


def of_signature(chain: Chain | None, signature: Signature, /) -> Augment | None:
    """The augmentation of examples with this signature; None where there is none.

    Raises:
        UsageError: a method is unknown, or does not fit.
    """
    if chain is None:
        return None
    known = bool(signature.outputs and signature.output.task)
    masks = known and signature.task.of_pixels
    goes = "masks" if masks else "boxes" if signature.target == "boxes" else ""
    return Augment(chain, signature.input, goes=goes)


def specs(chain: Chain, /) -> tuple[Spec, ...]:
    """The specs of a chain.

    >>> [spec.name for spec in specs("flip,crop:padding=2,padding_mode=edge,erase")]
    ['flip', 'crop', 'erase']

    Raises:
        UsageError: it holds none, or what is no spec.
    """
    specs = Spec.chain(chain) if isinstance(chain, str) else [Spec.parse(item) for item in chain]
    if not specs:
        raise UsageError("augment is empty; expected methods like augment=flip,crop:padding=2")
    return tuple(specs)


def kind_of(card: Card, /) -> str:
    """What a method augments: `image`, `text` or `audio`."""
    return next(node.removeprefix(PLACE) for node in card.nodes if node.startswith(PLACE))


def _fitting(spec: Spec, port: Port) -> Callable[[Tensor, CounterRandom], Tensor]:
    """The method, if it is for such inputs."""
    card, full = resolve(spec, kind="augmentation")
    kind = kind_of(card)
    if kind == "text":
        raise UsageError(
            f"augment: {card.name} changes sentences, not the batches of a training; write the "
            f"changed texts first: cartograd augment DATA --method {card.name} --out MORE.csv"
        )
    if port.kind != kind:
        raise UsageError(
            f"augment: {card.name} is for inputs of kind {kind!r}, and those of this data are of "
            f"kind {port.kind!r}"
        )
    if kind == "image" and port.bounds != (0.0, 1.0):
        raise UsageError(
            f"augment: {card.name} works on pixels in [0, 1], and those of this data are in "
            f"{port.bounds or 'no stated bounds'}"
        )
    return build(full, kind="augmentation")
