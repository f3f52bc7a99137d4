"""Save: a model, a run or a bundle as a bundle of its own, which every other verb reads."""

import shutil
from pathlib import Path
from typing import Any

from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.apps.load.target import Target, as_bundle, as_signed
from cartograd.apps.verbs.kept_program import with_program
from cartograd.core.errors import UsageError
from cartograd.core.files import write_folder
from cartograd.core.signed import Signed
from cartograd.core.user_code import WITHOUT
from cartograd.engine.files.bundle import Bundle, write_bundle
from cartograd.engine.files.program import FILE, check_code, runs_program
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
        return _write(folder, as_signed(target), examples, replace=replace)
    made: Bundle = as_bundle(target)
    if runs_program(made.model):  # its weights are beside the file, and not in the model
        if examples is not None or made.path.is_file():
            check_code(made.model, "new examples" if examples is not None else "its weights")
        with write_folder(folder, replace=replace) as new:
            shutil.copytree(made.path, new, dirs_exist_ok=True)
        return Path(folder)
    more = {"metrics": made.metrics, "reference": made.reference or None, "replace": replace}
    file = made.path / FILE
    if file.exists():
        more |= {"about": made.about, "onnx": file}
        return write_bundle(folder, made.model, examples=examples, **more)
    about = {key: value for key, value in made.about.items() if key != WITHOUT}
    return _write(folder, made.model, examples, about=about, **more)


def _write(
    folder: str | Path, model: Signed, examples: Tensor | tuple[Tensor, ...] | None, **more: Any
) -> Path:
    """Write a bundle, with an ONNX file beside the weights of a module that has no name."""
    given = (examples,) if isinstance(examples, Tensor) else examples or ()
    if Path(folder).exists() and not more["replace"]:
        raise UsageError(f"{folder} exists already; choose another name or remove it")
    with with_program(model, given) as (onnx, noted):
        about = {**more.pop("about", {}), **noted}
        return write_bundle(folder, model, examples=examples, about=about, onnx=onnx, **more)
