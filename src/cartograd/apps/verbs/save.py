"""Save: a model, a run or a bundle as a bundle of its own, which every other verb reads."""

from pathlib import Path

from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.apps.load.target import Target, as_bundle, as_signed
from cartograd.engine.files.bundle import Bundle, write_bundle
from cartograd.engine.loop.fit import Run


def save(
    target: Target,
    folder: str | Path,
    /,
    *,
    examples: Shaped[Tensor, "n ..."] | tuple[Tensor, ...] | None = None,
    replace: bool = False,
) -> Path:
    """Write a model as a bundle; whole or not at all.

    Args:
        target: a model with a signature, a run, a bundle, the path of one, or the name of published
            weights. What a bundle says of itself is kept.
        folder: the bundle to make.
        examples: inputs in the units of the input port; the first are kept with the model's
            answers, which are compared again at each load.
        replace: put it in the place of a bundle that is there.

    Returns:
        The bundle's folder; `load` reads it.

    Raises:
        UsageError: the target is no model, the folder exists, or it cannot be written.
    """
    if isinstance(target, nn.Module) or (isinstance(target, Run) and target.folder is None):
        return write_bundle(folder, as_signed(target), examples=examples, replace=replace)
    made: Bundle = as_bundle(target)
    return write_bundle(
        folder, made.model, metrics=made.metrics, examples=examples, about=made.about,
        reference=made.reference or None, replace=replace,
    )  # fmt: skip
