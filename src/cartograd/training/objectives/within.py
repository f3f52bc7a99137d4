"""What a layer within a network gives, while the network runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from cartograd.core.errors import UsageError, unknown
from cartograd.core.signed import Signed


@contextmanager
def within(model: nn.Module, layer: str, whose: str, /) -> Iterator[list[Tensor]]:
    """What a layer gives at each run within the block; without a name, what the last line reads.

    Args:
        model: runs within the block.
        layer: the path of one of its parts; empty for the input of its last `nn.Linear`.
        whose: for an error.

    Raises:
        UsageError: there is no such layer, or what it gives is no tensor of features.
    """
    inner = model.model if isinstance(model, Signed) else model
    parts = dict(inner.named_modules())
    found: list[Tensor] = []

    def note(value: Any) -> None:
        one = value[0] if isinstance(value, tuple) and value else value
        if not isinstance(one, Tensor) or one.ndim < 2:
            raise UsageError(f"layer {layer or name} of {whose} gives no features to compare")
        found.append(one)

    if layer:
        if layer not in parts:
            raise unknown(f"layer of {whose}", layer, [*filter(None, parts)])
        name = layer
        handle = parts[layer].register_forward_hook(lambda _, __, output: note(output))
    else:
        lines = [path for path, part in parts.items() if isinstance(part, nn.Linear)]
        if not lines:
            raise UsageError(
                f"{whose} has no linear layer whose input could be compared; name a layer of it: "
                + ", ".join([*filter(None, parts)][:6])
            )
        name = lines[-1]
        handle = parts[name].register_forward_pre_hook(lambda _, inputs: note(inputs))
    try:
        yield found
    finally:
        handle.remove()
