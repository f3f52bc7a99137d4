"""From what a user names to the model that the server holds."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.apps.server.served import Served
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed, signature_of
from cartograd.engine import bundle
from cartograd.engine.bundle import Bundle
from cartograd.engine.fit import Run


def load(target: Any, /) -> Served:
    """The model of a bundle or run (a path or an object), or one that is in memory already.

    Raises:
        UsageError: there is no such bundle, a byte of it was changed, or the module has no
            signature.
    """
    if isinstance(target, Run) and target.folder is not None:
        target = target.folder
    if isinstance(target, str | Path):
        target = bundle.load(target)
    if isinstance(target, Bundle):
        path = target.path.resolve()
        name = path.parent.name if path.name == "bundle" else path.name
        return _served(name, target.digest, target.model)
    model = target.model if isinstance(target, Run) else target
    if not isinstance(model, nn.Module):
        raise UsageError(
            f"cannot serve {type(target).__name__}; expected a model, a run, a bundle or a path"
        )
    inner = model.model if isinstance(model, Signed) else model
    spec = model.spec if isinstance(model, Signed) else None
    return _served(spec.name if spec else type(inner).__name__, None, model)


def _served(name: str, digest: str | None, model: nn.Module) -> Served:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    return Served(name, digest, model, signature_of(model), device)
