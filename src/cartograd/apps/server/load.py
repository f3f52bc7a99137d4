"""Load the model to serve from a run, a bundle or an object."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.apps.gate.gate import gate_of
from cartograd.apps.load.target import as_bundle, as_signed, name_of
from cartograd.apps.server.chats import Chats
from cartograd.apps.server.served import Served
from cartograd.apps.verbs.chat_answers import goes_on
from cartograd.apps.verbs.shared_base import SharedBase
from cartograd.core.errors import UsageError
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


def chatting(
    served: Served, adapters: Mapping[str, str | Path], /, *, gate: Any = None
) -> Chats | None:
    """The chats that a model answers, with its adapters; None of one that writes no texts.

    Args:
        served: the model.
        adapters: folders, by name.
        gate: what messages and answers have to pass, as `gate_of` takes it; nothing if None.

    Raises:
        UsageError: there are adapters or a gate, and it is no language model, or one adapter is
            not its own.
    """
    model = as_signed(served.model)
    if not goes_on(model):
        if adapters:
            raise UsageError(
                f"{served.name} writes no texts; adapters are served on a language model with its "
                "tokenizer"
            )
        if gate is not None:
            raise UsageError(f"{served.name} answers no chats; a gate is for models that write")
        return None
    if served.name in adapters:
        raise UsageError(f"the base is called {served.name}, too; name the adapter otherwise")
    guard = None if gate is None else gate_of(gate)
    return Chats(SharedBase(model, adapters), served.name, guard)
