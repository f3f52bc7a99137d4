"""A model's outline: all of its shapes and no numbers, before there is memory for the model.

What a file asks for is compared with what is in it: a damaged one may ask for 10^9 blocks.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError, first_line
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.core.skip_init import SkipInit
from cartograd.core.spec import Spec

WITHIN = ("vocabulary", "dim", "ffn_dim", "classes", "heads", "kv_heads", "head_dim", "patch")
"""Sizes of weights: none of them is larger than the number of numbers in the file."""

HARMLESS = 2**24
"""A size that is tried in any case, for the error that says which tensor does not fit."""


LEVELS = 14
"""A depth that is tried in any case: that of a tree, which is no number of blocks, is no larger."""


def outlined(
    spec: Spec, signature: Signature, tensors: Mapping[str, Tensor], source: str, /
) -> Signed:
    """The model on torch's meta device.

    Args:
        spec: how it is made.
        signature: its inputs and outputs.
        tensors: those of the file, which hold its weights.
        source: what to call the file in an error.

    Raises:
        UsageError: it cannot be made, or not of what is in the file.
    """
    check_sizes(spec, tensors, source)
    try:
        with torch.device("meta"), SkipInit(zero=False):  # drawing there would import a compiler
            return build(spec, kind="model", signature=signature)
    except UsageError:
        raise
    except (RuntimeError, ArithmeticError, MemoryError, ValueError, TypeError) as error:
        raise UsageError(f"{source} asks for impossible sizes: {first_line(error)}") from error


def check_sizes(spec: Spec, tensors: Mapping[str, Tensor], source: str, /) -> None:
    """Refuse sizes that the file cannot have, before anything is built: a depth of 10^9 takes long.

    Args:
        spec: how the model is made.
        tensors: those of the file, which hold its weights.
        source: what to call the file in an error.

    Raises:
        UsageError: there are more blocks than tensors, more features than numbers, or more experts
            than rows in any tensor.
    """
    numbers = sum(tensor.numel() for tensor in tensors.values())
    rows = max((tensor.shape[0] for tensor in tensors.values() if tensor.ndim), default=0)
    most = {"depth": max(len(tensors), LEVELS), "experts": rows} | dict.fromkeys(
        WITHIN, max(numbers, HARMLESS)
    )
    for key, value in spec.args.items():
        if isinstance(value, Spec) or key == "decoder":
            check_sizes(Spec.parse(value), tensors, source)
        if key in most and isinstance(value, int) and value > most[key]:
            raise UsageError(
                f"{source} asks for {key}={value}, and there are {len(tensors)} tensors with "
                f"{numbers} numbers; is the file damaged?"
            )
