"""From the tensors of a published file to a model in evaluation mode."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table, renamed
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.core.skip_init import SkipInit
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer

WITHIN = ("vocabulary", "dim", "ffn_dim", "classes", "heads", "kv_heads", "head_dim", "patch")
"""Sizes of weights: none of them is larger than the number of numbers in the file."""

HARMLESS = 2**24
"""A size that is tried in any case, for the error that says which tensor does not fit."""


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
    _check_sizes(made, tensors, source)
    try:
        with torch.device("meta"):  # what does not fit is refused before memory is allocated
            shape: Signed = build(made, kind="model", signature=signature)
    except (RuntimeError, OverflowError, ArithmeticError) as error:
        raise UsageError(f"{source} asks for impossible sizes: {error}") from error
    weights = renamed(tensors, table, into=shape.model, source=source)
    with torch.random.fork_rng(devices=[]), SkipInit():
        model: Signed = build(made, kind="model", signature=signature)
    model.model.load_state_dict(weights)
    model.tokenizer = tokenizer
    return model.eval()


def _check_sizes(spec: Spec, tensors: Mapping[str, Tensor], source: str) -> None:
    """Refuse sizes that the file cannot have, before anything is built: a depth of 10^9 takes long.

    Raises:
        UsageError: there are more blocks than tensors, or more features than numbers.
    """
    numbers = sum(tensor.numel() for tensor in tensors.values())
    most = {"depth": len(tensors)} | dict.fromkeys(WITHIN, max(numbers, HARMLESS))
    for key, value in spec.args.items():
        if key == "decoder":
            _check_sizes(Spec.parse(value), tensors, source)
        if key in most and isinstance(value, int) and value > most[key]:
            raise UsageError(
                f"{source} asks for {key}={value}, and there are {len(tensors)} tensors with "
                f"{numbers} numbers; is the file damaged?"
            )
