"""Two classes of pictures as two domains, of which nobody knows which picture belongs to which."""

from dataclasses import replace

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Dataset, Examples, Split

MIDDLE = 0.5
"""Networks see numbers from 0 to 1 as numbers from -1 to 1: this is their middle and spread."""


def as_domains(data: Dataset, task: str, /) -> Dataset:
    """Pictures of the first class as inputs, of the second as targets, beside each other by chance.

    Each part is held in memory. It has as many examples as the larger of its two domains; pictures
    of the smaller one come again.

    Args:
        data: pictures of two classes, such as a folder with two folders of pictures.
        task: of the answer.

    Raises:
        UsageError: they are no such pictures, or a part lacks one of the two.
    """
    port, output = data.signature.input, data.signature.output
    if len(data.signature.inputs) > 1 or port.kind != "image" or output.dims not in ((1,), (2,)):
        raise UsageError(
            f"{data.name} has no two domains; expected pictures of two classes, such as "
            "folder:PATH with a folder of pictures for each"
        )
    around = (MIDDLE,) * int(port.dims[0])
    port = replace(port, mean=around, std=around)
    signature = Signature((port,), (replace(port, name="recast", task=task),))
    parts = {
        name: _beside(part, signature, f"{data.name}, {name}")
        for name, part in (("train", data.train), ("valid", data.valid), ("test", data.test))
    }
    labels = output.labels or ("0", "1")
    decided = [*data.about.get("decided", ()), f"pictures of {labels[0]} become {labels[1]}"]
    about = data.about | {"decided": decided}
    return replace(data, **parts, signature=signature, about=about)


def _beside(part: Examples, signature: Signature, where: str) -> Split:
    """One part.

    Raises:
        UsageError: one of its domains is empty.
    """
    chosen = part.select(range(len(part)))
    classes = chosen.targets.flatten()
    first, second = ((classes == k).nonzero()[:, 0] for k in (0, 1))
    if not len(first) or not len(second):
        raise UsageError(f"{where}: one of the two domains has no pictures")
    count = max(len(first), len(second))
    order = torch.randperm(len(second), generator=torch.Generator().manual_seed(0))
    ours, theirs = _again(first, count), _again(second[order], count)
    names = [chosen.names[int(i)] for i in ours] if chosen.names else ()
    return Split(chosen.stored[ours], chosen.inputs[theirs], signature, names)


def _again(places: Tensor, count: int) -> Tensor:
    """So many of them, from the start again where they end."""
    return places[torch.arange(count) % len(places)]
