"""What networks for ImageNet take and give: three channels, and a thousand names."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels, as nearly all networks for it are trained with."""

HALF = (0.5, 0.5, 0.5)
"""Mean and std of those that Google trained: pixels from -1 to 1."""


@cache
def names() -> tuple[str, ...]:
    """The thousand classes, in their order."""
    path = Path(__file__).with_name("imagenet.toml")
    return tuple(tomllib.loads(path.read_text(encoding="utf-8"))["names"])


def signature(
    size: int,
    classes: int = 1000,
    /,
    *,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
    labels: tuple[str, ...] = (),
) -> Signature:
    """Of a classifier of square colour pictures.

    The classes have names if they are given or ImageNet's.
    """
    image = Port("image", "image", (3, size, size), "float32", (0.0, 1.0), mean, std)
    labels = labels or (names() if classes == 1000 else ())
    return Signature(
        (image,), (Port("class", "label", (classes,), labels=labels, task="classify"),)
    )


def named(file: str | Path, known: Mapping[str, object], wanted: str | None, /) -> str:
    """Which network a file is of: as wanted, or as the file's name begins.

    Raises:
        UsageError: the name tells nothing, or nothing is known of what is wanted.
    """
    stem = Path(file).name if wanted is None else wanted
    same = [name for name in known if name == wanted]
    matches = same or [name for name in known if wanted is None and stem.startswith(name)]
    if not matches:
        what = f"{file} does not begin with a network's name" if wanted is None else repr(wanted)
        raise UsageError(
            f"{what}: which network is it? give model=, one of {', '.join(sorted(known))}"
        )
    return max(matches, key=len)


def counted(tensors: Mapping[str, Tensor], /) -> dict[str, Tensor]:
    """The tensors, and a counter of batches beside running means of files from before 2018."""
    renamed = dict(tensors)
    for name in tensors:
        if name.endswith(".running_mean"):
            renamed.setdefault(
                name.removesuffix("running_mean") + "num_batches_tracked",
                torch.zeros((), dtype=torch.int64),
            )
    return renamed


def classes_of(tensors: Mapping[str, Tensor], name: str, file: str | Path, /) -> int:
    """How many answers the last layer gives.

    Raises:
        UsageError: the file has no such layer.
    """
    if name not in tensors:
        some = ", ".join(list(tensors)[:3]) or "nothing"
        raise UsageError(f"{file} is of another model: it lacks {name!r}, and holds {some}, ...")
    return len(tensors[name])
