"""The bundle of a training: tried before it begins, and kept at its end whatever else fails."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.load.target import foreign
from cartograd.apps.verbs.kept_program import with_program
from cartograd.core.at_work import scratch_folder
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.engine.device.randomness import preserved
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.engine.loop.probe import unchanged
from cartograd.engine.loop.rehearsal import reason
from cartograd.training.adapters.beside import check_merges, merged


def rehearse_bundle(model: Signed, examples: tuple[Tensor, ...], /) -> None:
    """Write a model's bundle to a temporary folder, and read it.

    Raises:
        UsageError: it cannot be written, or the model cannot be made of it again.
    """
    with scratch_folder() as (folder, _), unchanged(model):
        path = folder / "bundle"
        try:
            check_merges(model, examples)
            model = merged(model)
            write_bundle(path, model, examples=examples)
            load(path, model=foreign(model))
        except Exception as error:
            said = str(error) if isinstance(error, UsageError) else reason(error)
            raise UsageError(
                f"{type(model.model).__name__} could not be kept after its training: "
                f"{said.replace(str(path), 'its bundle')}"
            ) from error


def keep_bundle(path: Path, model: Signed, examples: tuple[Tensor, ...], /, **more: Any) -> None:
    """Write a run's bundle; without recorded answers where the model gives none.

    What an adapter has learned is merged into the weights.

    Args:
        path: the run folder.
        model: as it was trained.
        examples: inputs whose answers are kept.
        **more: what `write_bundle` takes besides.

    Raises:
        UsageError: it cannot be written; the newest checkpoint has the weights.
    """
    model = merged(model)
    with preserved(torch.device("cpu")), with_program(model, examples) as (onnx, noted):
        more |= {"onnx": onnx, "about": {**more.get("about", {}), **noted}}
        try:
            write_bundle(path / "bundle", model, examples=examples, replace=True, **more)
            return
        except Exception as error:
            why = str(error) if isinstance(error, UsageError) else reason(error)
        try:
            write_bundle(path / "bundle", model, replace=True, **more)
        except Exception as error:
            raise UsageError(
                f"{path} has no bundle: {why}; its newest checkpoint has the weights, and "
                f"`cartograd train {path} --resume` writes the bundle once this is mended"
            ) from error
    warnings.warn(f"{path}/bundle holds the weights without recorded answers: {why}", stacklevel=3)
