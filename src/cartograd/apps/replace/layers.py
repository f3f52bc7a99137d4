"""What each layer of a network gives, by hooks that are gone afterwards."""

from collections.abc import Callable

from torch import Tensor, nn

from cartograd.apps.replace.form import Stage

SILENT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""Layers that change nothing once a network has learned."""


def traced(network: nn.Module, answer: Callable[[], Tensor], /) -> tuple[list[Stage], Tensor]:
    """The output of each layer in the order of the calls, and the answer.

    Args:
        network: whose layers, those without parts of their own.
        answer: asks it.
    """
    found: list[Stage] = []
    counts: dict[str, int] = {}

    def watch(name: str) -> Callable[..., None]:
        def kept(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            if isinstance(output, Tensor):
                counts[name] = counts.get(name, 0) + 1
                again = f" (call {counts[name]})" if counts[name] > 1 else ""
                value = output.detach().cpu().clone()
                given = [one.detach().cpu().clone() for one in inputs if isinstance(one, Tensor)]
                found.append(Stage(f"{name}{again}", "layer", value, layer, tuple(given)))

        return kept

    handles = [
        layer.register_forward_hook(watch(name))
        for name, layer in network.named_modules()
        if name and not any(True for _ in layer.children()) and not isinstance(layer, SILENT)
    ]
    try:
        outputs = answer()
    finally:
        for handle in handles:
            handle.remove()
    return found, outputs.detach().cpu()
