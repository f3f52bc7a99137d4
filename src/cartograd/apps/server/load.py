"""Load the model to serve from a run, a bundle or an object."""

from typing import Any

import torch
from torch import nn

from cartograd.apps.load.target import as_bundle, as_signed, name_of
from cartograd.apps.server.served import Served
from cartograd.engine.loop.fit import Run


def load(target: Any, /) -> Served:
    """The model of a bundle or run (a path or an object), or one that is in memory already.

    Raises:
        UsageError: there is no such bundle, a byte of it was changed, or the module has no
            signature.
    """
    if isinstance(target, nn.Module) or (isinstance(target, Run) and target.folder is None):
        model = as_signed(target)
        name, digest = name_of(model), None
    else:
        bundle = as_bundle(target)
        path = bundle.path.resolve()
        name = path.parent.name if path.name == "bundle" else path.name
        model, digest = bundle.model, bundle.digest
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    return Served(name, digest, model, model.signature, device, model.tokenizer)
