"""A bundle's model made by name, also where a compressor made it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cartograd.core import plugins, registry
from cartograd.core.build import build, today
from cartograd.core.example import tried
from cartograd.core.narrowed import Narrowing, narrow
from cartograd.core.outline import outlined
from cartograd.core.ports import Signature
from cartograd.core.protocols import Batch, Compressor
from cartograd.core.signed import Signed, sign
from cartograd.core.skip_init import SkipInit
from cartograd.core.spec import Spec
from cartograd.engine.files.tensor_files import check_state


def made(
    spec: Spec, signature: Signature, weights: Mapping[str, Tensor], source: str,
    sizes: Narrowing | None = None, /, *, blank: bool = True,
) -> Signed:  # fmt: skip
    """A model by its name; one that a compressor made (`int8-weights:model=(mlp)`) in two steps.

    What is ours is compared with its weights before there is memory for it.

    Args:
        spec: how it is made.
        signature: its inputs and outputs.
        weights: that it will get.
        source: of them, for errors.
        sizes: of one that was pruned.
        blank: fill the memory of its weights with zeros, where they will be copied there; it is
            left alone, and so takes none, where they bring their own.

    Raises:
        UsageError: there is no such model or compressor, it has no such sizes, or the weights are
            not its own.
    """
    spec = _as_it_was(spec, weights)
    original = spec.args.get("model")
    own = not plugins.needed(spec)
    if not isinstance(original, Spec):
        if own:
            outline = outlined(spec, signature, weights, source).model
            _narrow(outline, sizes, source)
            check_state(outline, weights, source)
        with SkipInit(zero=blank):
            built: Signed = build(spec, kind="model", signature=signature)
        _narrow(built.model, sizes, source)
        return built
    args = {key: value for key, value in spec.args.items() if key != "model"}
    compressor: Compressor = build(Spec(spec.name, args), kind="compressor")
    if own:
        outlined(original, signature, weights, source)
    with SkipInit():
        model: Signed = build(original, kind="model", signature=signature)
    _narrow(model.model, sizes, source)
    for weight in model.parameters():
        weight.data.zero_()
    return sign(compressor(model, Blank(model)), signature, spec=spec)


FORMER = {"llama": 11_008, "decoder": 5632, "t5": 2048, "modernbert": 1152, "transformer": 2048}
"""The `ffn_dim` of models that were made before it followed from `dim`."""


def _as_it_was(spec: Spec, weights: Mapping[str, Tensor]) -> Spec:
    """The spec with the size that its model had when nobody said one, where its weights show it."""
    for card, own in registry.lookup(spec.name, kind="model"):
        wide = FORMER.get(card.name)
        said = card.presets.get(own, {}) | today(card, spec.args)
        shown = any(wide in one.shape[:1] for name, one in weights.items() if ".up." in name)
        if wide is not None and shown and "ffn_dim" not in said:
            return Spec(spec.name, spec.args | {"ffn_dim": wide}, spec.subject)
    return spec


class Blank:
    """An example of what a model's signature says, in the place of data.

    A compressor that looks at data makes the same parts of it; their numbers come from a file.

    Args:
        model: with its signature.
    """

    def __init__(self, model: Signed):
        self._model = model

    def __len__(self) -> int:
        return 1

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:  # noqa: ARG002
        """Two examples, without a right answer."""
        examples, _ = tried(self._model, self._model.signature, torch.device("cpu"))
        yield from [examples][start:]


def _narrow(model: nn.Module, sizes: Narrowing | None, source: str) -> None:
    if sizes is not None:
        narrow(model, sizes, source)


@runtime_checkable
class Rounding(Protocol):
    """A layer that rounds its inputs as well as the machine can.

    Attributes:
        simulates: whether it computes in floats of its numbers, as a file for others says it.
    """

    simulates: bool

    def rounding(self) -> float:
        """The coarsest step of any machine as a share of the inputs' range."""
        ...


FLOATS = 1e-3
"""How far machines may differ in floats, as a share of the largest answer."""

WORST = 5.0
"""Largest difference in answers that one layer makes, in steps. Rounding to steps of `s r`, where
`r` is the range of an input row, is off by `s r / sqrt(12)` in root mean square; `r` is 2 (even
inputs) to `sqrt(d)` (one number stands out) times the row's own root mean square, the largest of
some errors about twice as far from its mean as the largest answer, and two machines of 7 and 8 bits
differ by `sqrt(1 + 1/4)` of it: 1 to 5 steps. Measured: 0.1 to 2.1 for even and normal inputs, 4.5
where one of 64 numbers stands out."""

MOST = 0.125
"""The limit for any depth, as earlier errors do not grow without end. Measured: 0.116 for 17 layers
whose inputs have numbers that stand out, 0.05 for 25 layers with shortcuts, 0.005 for a trained
vision transformer of 37."""


@contextmanager
def simulated(model: nn.Module) -> Iterator[None]:
    """Layers with rounded weights compute what a file says of them, while the block lasts."""
    layers: list[Any] = [part for part in model.modules() if isinstance(part, Rounding)]
    for layer in layers:
        layer.simulates = True
    try:
        yield
    finally:
        for layer in layers:
            layer.simulates = False


@contextmanager
def rounding_steps(model: nn.Module) -> Iterator[list[float]]:
    """The steps to which layers may round their inputs, in the calls while the block lasts."""
    steps: list[float] = []

    def note(layer: Any, _: tuple[Any, ...]) -> None:
        steps.append(layer.rounding())

    layers = [part for part in model.modules() if isinstance(part, Rounding)]
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        yield steps
    finally:
        for hook in hooks:
            hook.remove()


def tolerance(steps: Sequence[float], /) -> float:
    """How far the answers of machines may differ, as a share of the largest.

    Roundings are independent of each other, so that the squares of their errors add up.

    >>> tolerance([])
    0.001
    """
    return FLOATS + min(MOST, WORST * math.hypot(*steps))
