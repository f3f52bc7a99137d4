"""The gates of a recurrent model along a sequence, recomputed by the eager cell.

The model runs as usual; the inputs of its recurrent layers are captured by hooks and go through
their cells once more, which give the gates that torch's kernels do not return.

Shapes: each gate `b t d`, zero in the padding of shorter rows where its layer knows their lengths.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.architectures.rnn.recurrence import Gates, Recurrence
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating


def gates_of(model: nn.Module, *inputs: Shaped[Tensor, "b ..."]) -> dict[str, Gates]:
    """The gates of each recurrent layer and direction, by its name, e.g. `memory.1 backwards`.

    Raises:
        UsageError: the model has no recurrent layer that reads whole rows.
    """
    layers = {name: one for name, one in model.named_modules() if isinstance(one, Recurrence)}
    given: dict[str, tuple[Any, ...]] = {}

    def noting(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def note(_: nn.Module, arguments: tuple[Any, ...]) -> None:
            given[name] = arguments

        return note

    hooks = [one.register_forward_pre_hook(noting(name)) for name, one in layers.items()]
    try:
        with evaluating(model), torch.no_grad():
            model(*inputs)
            gates_of = {name: layers[name].written_out(*each)[2] for name, each in given.items()}
    finally:
        for hook in hooks:
            hook.remove()
    if not gates_of:
        raise UsageError(
            f"{type(model).__name__} has no recurrent layer that reads whole rows; "
            "lstm, gru, rnn, tagger or recurrent-language-model would have"
        )
    named: dict[str, Gates] = {}
    for name, seen in gates_of.items():
        for number, gates in enumerate(seen):
            layer, back = divmod(number, layers[name].ways)
            which = f".{layer}" if layers[name].layers > 1 else ""
            named[f"{name}{which}{' backwards' if back else ''}"] = gates
    return named
