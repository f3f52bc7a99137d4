"""A folder of PEFT beside a base whose weights others share: the thin matrices stay as they are.

Its layers are found by the names that they have in Hugging Face's folders. PEFT keeps no digest of
the base, so that another one of the same shapes is not seen.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from cartograd.apps.verbs.export_adapter import theirs
from cartograd.architectures.pretrained.peft_folder import Beside, beside
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.training.adapters.beside import places, put
from cartograd.training.adapters.dora import Decomposed
from cartograd.training.adapters.lora import LowRank


def with_peft(base: Signed, view: nn.Module, folder: Path, /) -> nn.Module:
    """A copy of the base that shares its weights, with PEFT's changes beside them.

    Args:
        base: the model.
        view: the copy, which gets the changes.
        folder: of PEFT (LoRA or DoRA).

    Raises:
        UsageError: the folder is not known, or changes what the base does not have so.
    """
    names = {other: own for own, other in theirs(base).items()}
    layers, found = places(view), beside(folder)
    if not found:
        raise UsageError(f"{folder} changes nothing; is it whole?")
    for name, one in found.items():
        known = [other for other in names if other == name or _ends_alike(other, name)]
        layer = layers.get(names[known[0]]) if len(known) == 1 else None
        if not isinstance(layer, nn.Linear):
            raise UsageError(
                f"{folder} changes {name}, which is no dense layer of its own in the base; is this "
                f"the adapter's own model? Else serve hf:{folder} alone"
            )
        put(layer, _change(layer, one, f"{folder}: {name}"))
    return view


def _ends_alike(one: str, other: str) -> bool:
    """Whether names differ by a prefix, as of a model saved by itself."""
    return one.endswith(f".{other}") or other.endswith(f".{one}")


def _change(layer: nn.Linear, one: Beside, name: str) -> nn.Module:
    """PEFT's change as one of ours.

    Raises:
        UsageError: it is of other shapes than the layer.
    """
    rank = len(one.down)
    sizes = (rank, layer.in_features), (layer.out_features, rank)
    given = tuple(one.down.shape), tuple(one.up.shape)
    if given != sizes or (one.length is not None and one.length.numel() != layer.out_features):
        raise UsageError(
            f"{name} has matrices of {given[0]} and {given[1]}; expected {sizes[0]} and "
            f"{sizes[1]}: is this the adapter's own model?"
        )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        if one.length is None:
            thin = made = LowRank(layer, rank=rank, scale=one.scale, dropout=0.0)
        else:
            made = Decomposed(layer, rank=rank, scale=one.scale)
            made.length.copy_(one.length.flatten())
            thin = made.turn
        down = thin.down.weight
        assert isinstance(down, Tensor)
        down.copy_(one.down)
        thin.up.copy_(one.up)
    return made
