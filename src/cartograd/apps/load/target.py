"""What a verb acts on: from whatever the user has to a model with its signature."""

import copy
from pathlib import Path

from torch import nn

from cartograd.apps.load import adapter_folder
from cartograd.apps.load.named import check_target, is_onnx, is_pretrained
from cartograd.apps.load.onnx_file import onnx_file
from cartograd.apps.load.pretrained import kept, pretrained
from cartograd.core.errors import UsageError
from cartograd.core.paths import is_there
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.core.spec import Spec
from cartograd.engine.files import bundle
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.loop.fit import Run

PIPELINE = "model_index.json"
"""In folders as diffusers keeps them, which are read as they are: they may be large."""

Target = nn.Module | Run | Bundle | str | Path
"""A model with a signature, a run, a bundle, the path of one of the latter two, of an adapter or of
an ONNX file, or the name of published weights."""


def as_signed(target: Target, /) -> Signed:
    """The model of a target; one that is in memory already is not copied.

    Raises:
        UsageError: the path holds no bundle, a byte of it was changed, the module has no
            signature, or it is something else altogether.
    """
    if isinstance(target, Run) and isinstance(target.model, nn.Module):
        target = target.model
    if isinstance(target, Signed):
        return target
    if isinstance(target, nn.Module):
        return sign(target, signature_of(target))
    if isinstance(target, str | Path) and (Path(target) / PIPELINE).is_file():
        return pretrained(Spec("diffusers", subject=str(target)))
    if adapter_folder.is_adapter(target):
        return adapter_folder.read_adapter(target, as_signed)
    return as_bundle(target).model


def as_bundle(target: Target, /) -> Bundle:
    """The bundle of a run, of a path, of published weights, or as it is; an ONNX file as one.

    Raises:
        UsageError: there is none, or a byte of it was changed, or the published weights have not
            been fetched.
    """
    if isinstance(target, Bundle):
        return target
    if isinstance(target, Run) and target.folder is not None:
        return bundle.load(target.folder, model=foreign(target.model))
    if isinstance(target, str | Path) and is_onnx(target):
        return onnx_file(Path(target))
    if isinstance(target, str) and not is_there(target):
        if is_pretrained(target):
            return kept(target)
        check_target(target)
    if adapter_folder.is_adapter(target):
        raise UsageError(
            f"{target} is an adapter, and a bundle is needed here; give its run, whose bundle is "
            "merged"
        )
    if isinstance(target, str | Path):
        return bundle.load(target)
    raise UsageError(f"expected a model, a run, a bundle or a path, got {type(target).__name__}")


def name_of(model: Signed, /) -> str:
    """What to call a model: the name in its spec, or its class."""
    return type(model.model).__name__ if model.spec is None else model.spec.name


def foreign(model: nn.Module | None, /) -> nn.Module | None:
    """A copy of a run's module to fill, where it is none that can be built by name."""
    if isinstance(model, Signed) and model.spec is None:
        return copy.deepcopy(model.model)
    return None
