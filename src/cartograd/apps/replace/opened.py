"""From what a user calls a model to the form that it is: a path, an address, a function."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from cartograd.apps.load import adapter_folder
from cartograd.apps.load.named import is_onnx, is_pretrained
from cartograd.apps.load.parts import about_of
from cartograd.apps.load.target import PIPELINE, Target, as_bundle, as_signed, name_of
from cartograd.apps.load.weight import size
from cartograd.apps.replace.form import Facts, Form
from cartograd.apps.replace.forms.endpoint import Endpoint
from cartograd.apps.replace.forms.foreign import Foreign
from cartograd.apps.replace.forms.onnx_form import OnnxForm
from cartograd.apps.replace.forms.signed_form import SignedForm, labels_of
from cartograd.core.errors import UsageError
from cartograd.core.paths import is_there
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.logging.run_folder import is_run, read_config
from cartograd.engine.loop.fit import Run

HF, PEFT = "config.json", "adapter_config.json"
"""What folders as Hugging Face keeps them hold: of a model, and of changes to one."""

Shipped = Target | Form | Callable[[list[Any]], Any] | Sequence[tuple[str, Callable[[Any], Any]]]
"""A target of the other verbs, an ONNX file, an address, or a function of raw examples."""


def form_of(shipped: Shipped, /) -> Form:
    """The form of what a user names.

    Raises:
        UsageError: it is nothing known, or cannot be opened.
    """
    if isinstance(shipped, Form):
        return shipped
    if isinstance(shipped, str) and shipped.startswith(("http://", "https://")):
        return Endpoint(shipped)
    if isinstance(shipped, str | Path) and is_onnx(shipped):
        if not is_there(shipped):
            raise UsageError(f"{shipped} does not exist; expected an ONNX file")
        return OnnxForm(Path(shipped))
    if isinstance(shipped, nn.Module | Run | Bundle | str | Path):
        return _signed(shipped)
    if callable(shipped):
        return Foreign([("function", shipped)], _called(shipped))
    if isinstance(shipped, Sequence) and shipped and all(map(_is_step, shipped)):
        return Foreign(shipped, " > ".join(name for name, _ in shipped))
    raise UsageError(
        f"{type(shipped).__name__} is no form of a model; expected a run, a bundle, an ONNX file, "
        "published weights, a folder of Hugging Face, an address (http://...), or a function of "
        "raw examples"
    )


def _signed(target: Target) -> Form:
    """A form with a signature of ours."""
    name, kind = str(target), _kind(target)
    if kind == "Hugging Face folder" and not name.startswith("hf:"):
        target = f"hf:{target}"
    bare = isinstance(target, nn.Module | Run) or kind in ("adapter", "pipeline")
    found = target if bare else as_bundle(target)
    model = as_signed(found)
    facts = Facts(
        name if isinstance(target, str | Path) else name_of(model), kind,
        labels_of(model.signature), model.signature.task.name, size(model),
        about_of(target).get("data"), _average(target),
    )  # fmt: skip
    return SignedForm(model, facts)


def _is_step(item: object) -> bool:
    """Whether something is a name with a function."""
    if not isinstance(item, tuple) or len(item) != 2:
        return False
    name, function = item
    return isinstance(name, str) and callable(function)


def _called(function: Callable[..., Any]) -> str:
    """The name of a function, or of the class of what is called."""
    return function.__name__ if inspect.isroutine(function) else type(function).__name__


def _average(target: Target) -> str:
    """The average of weights that a run kept, if it says."""
    folder = target.folder if isinstance(target, Run) else target
    if not isinstance(folder, str | Path) or not is_there(folder) or not is_run(Path(folder)):
        return ""
    return str(read_config(folder)[0].get("average") or "")


def _kind(target: Target) -> str:
    """What a target is, in words."""
    if isinstance(target, Run):
        return "run"
    if isinstance(target, nn.Module):
        return "module"
    if isinstance(target, Bundle):
        return "bundle"
    if str(target).startswith("hf:"):
        return "Hugging Face folder"
    if isinstance(target, str) and not is_there(target):
        return "published weights" if is_pretrained(target) else "bundle"
    if adapter_folder.is_adapter(target):
        return "adapter"
    if (Path(target) / PIPELINE).is_file():
        return "pipeline"
    folder = Path(target)
    theirs = (folder / HF).is_file() or (folder / PEFT).is_file()
    if theirs and not (folder / "manifest.json").is_file():
        return "Hugging Face folder"
    return "run" if (folder / "events.jsonl").is_file() else "bundle"
