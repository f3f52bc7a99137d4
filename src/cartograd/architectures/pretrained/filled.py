"""From the tensors of a published file to a model in evaluation mode."""

import warnings
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table, renamed
from cartograd.core.outline import outlined
from cartograd.core.ports import Signature
from cartograd.core.protocols import Resizable
from cartograd.core.signed import Signed
from cartograd.core.skip_init import SkipInit
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.mapped_tensors import adopt


def filled(
    spec: str | Spec,
    signature: Signature,
    tensors: Mapping[str, Tensor],
    table: Table,
    /,
    *,
    source: str,
    tokenizer: Tokenizer | None = None,
) -> Signed:
    """One of our models with published weights, in evaluation mode.

    Args:
        spec: how the model is made.
        signature: its inputs and outputs.
        tensors: as they are in the file; they are cast to the model's dtype.
        table: the key map (`core.key_map`).
        source: what to call the file in an error.
        tokenizer: turns text into the model's tokens.

    Raises:
        UsageError: a tensor has no place, one is missing, or one is of another shape; or the
            tokenizer is of another vocabulary.
    """
    for port in signature.inputs:
        if port.kind == "text" and tokenizer is not None:
            tokenizer.check(port)
    made = Spec.parse(spec)
    shape = outlined(made, signature, tensors, source)
    weights = renamed(tensors, table, into=shape.model, source=source)
    with torch.random.fork_rng(devices=[]), SkipInit(zero=False):
        model: Signed = build(made, kind="model", signature=signature)
    adopt(model.model, weights)
    model.model.load_state_dict(weights)
    model.tokenizer = tokenizer
    return model.eval()


def at_size(signed: Signed, size: int, /, *, source: str) -> Signed:
    """A published model of pictures for those of another size; what is done is told once.

    Args:
        signed: the model.
        size: height and width of the pictures.
        source: what to call the model in an error.

    Raises:
        UsageError: it cannot be brought to another size.
    """
    port, spec = signed.signature.input, signed.spec
    if not isinstance(signed.model, Resizable) or spec is None:
        raise UsageError(f"{source}: size={size} is for models of pictures with positions, as ViT")
    model, changed, told = signed.model.resized(size)
    signature = replace(signed.signature, inputs=(replace(port, dims=(port.dims[0], size, size)),))
    warnings.warn(f"{source}: {told}", stacklevel=4)
    return Signed(model, signature, spec=replace(spec, args=spec.args | changed)).eval()
