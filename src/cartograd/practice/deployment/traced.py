"""A model as a graph of torch.export, with every dimension free that its signature leaves free."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch

from cartograd.architectures.rnn.scanned import of_one_length
from cartograd.core.errors import UsageError, first_line
from cartograd.core.eval_mode import evaluating
from cartograd.core.example import FREE, example, tried
from cartograd.core.signed import Signed

BATCH = "batch"
"""What the first dimension is called, beside the letters of the signature."""


def traced(signed: Signed, /, *, most: Mapping[str, int] | None = None) -> Any:
    """The model as a graph of torch's operations (an `ExportedProgram`), in evaluation mode.

    Args:
        signed: the model; it is left as it is.
        most: the largest size of the batch and of the signature's letters, where what runs the
            graph sets memory aside for it; others have no bound but the model's own.

    Raises:
        UsageError: its Python code looks at numbers or sizes, or it takes no example.
    """
    signature, device, bounds = signed.signature, signed.output_mean.device, dict(most or {})
    letters = [
        {
            i: dim
            for i, dim in enumerate((BATCH, *port.dims))
            if isinstance(dim, str) and bounds.get(dim) != 1  # one size alone is not free
        }
        for port in signature.inputs
    ]
    with evaluating(signed), torch.no_grad(), of_one_length(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        examples = _examples(signed, device, bounds)
        try:
            return _exported(signed, examples, letters, bounds)
        except Exception as error:  # whatever a foreign module raises
            raise UsageError(
                f"{type(signed.model).__name__} cannot be written down as a graph: {_why(error)}; "
                "a model whose Python code looks at the numbers or the sizes that pass through it "
                "cannot be exported"
            ) from error


def _why(error: Exception) -> str:
    """What torch refused, in a line; of sizes it says several, with names of its own."""
    if "specialized" in str(error) or "constant" in str(error):
        return "it takes one size alone of a dimension that its signature leaves free"
    return first_line(error)


def _exported(
    signed: Signed, examples: tuple[torch.Tensor, ...], letters: list[dict[int, str]],
    bounds: dict[str, int],
) -> Any:  # fmt: skip
    """The graph, with the bounds that the model itself has, as of a context.

    A name for each dimension says that it is free without a bound; torch refuses that where the
    model has one, but finds it itself where the dimension has no name.
    """
    names = {name for port in letters for name in port.values()}
    try:
        return _named(signed, examples, letters, {name: bounds.get(name) for name in names})
    except Exception as error:  # torch's errors of sizes have no common class
        if names == {BATCH} or "generated guard" not in str(error):
            raise
    free = tuple(dict.fromkeys(port, torch.export.Dim.DYNAMIC) for port in letters)
    found = torch.export.export(signed, examples, dynamic_shapes=(free,), strict=False)
    given = [node for node in found.graph.nodes if node.op == "placeholder"][-len(examples) :]
    own: dict[str, int | None] = {}
    for node, port in zip(given, letters, strict=True):
        for i, name in port.items():
            size = node.meta["val"].shape[i].node.expr
            limits = [bounds.get(name), own.get(name), _upper(found.range_constraints.get(size))]
            own[name] = min((one for one in limits if one is not None), default=None)
    return _named(signed, examples, letters, own)


def _named(
    signed: Signed, examples: tuple[torch.Tensor, ...], letters: list[dict[int, str]],
    most: dict[str, int | None],
) -> Any:  # fmt: skip
    """The graph, where each dimension that is free has its name and bound."""
    dims = {
        name: torch.export.Dim(name, max=bound, min=1 if bound else None)
        for name, bound in sorted(most.items())
    }
    free = tuple({i: dims[name] for i, name in port.items()} for port in letters)
    return torch.export.export(signed, examples, dynamic_shapes=(free,), strict=False)


def _upper(limits: Any) -> int | None:
    """The upper end of a range of sizes, if it has one."""
    most = None if limits is None else limits.upper
    return int(most) if most is not None and most.is_Integer else None


def _examples(
    signed: Signed, device: torch.device, bounds: dict[str, int]
) -> tuple[torch.Tensor, ...]:
    """What the model is traced with: of the largest sizes, where these are bounded.

    Where memory is planned, it is for sizes that were seen unless a bound is proved.

    Raises:
        UsageError: the model takes none.
    """
    signature = signed.signature
    if not bounds:
        return tried(signed, signature, device)[0]
    largest = max((most for name, most in bounds.items() if name != BATCH), default=FREE[0])
    rows = torch.arange(bounds.get(BATCH, 2)) % 2
    refused: UsageError | None = None
    for free in (largest, *(one for one in FREE if one < largest)):
        made = tuple(example(port, free)[rows].to(device) for port in signature.inputs)
        try:
            signed(*made)
        except UsageError as error:  # longer than its context
            refused = error
        else:
            return made
    assert refused is not None
    raise refused
