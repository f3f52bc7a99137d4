"""How raw examples become what a network takes: by a port of ours, stage by stage."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Shaped
from PIL import Image
from torch import Tensor

from cartograd.apps.replace.form import Stage
from cartograd.core.ports import Port
from cartograd.core.signed import statistics
from cartograd.data.decode.images import header, pixels
from cartograd.data.decode.read import encoded, read

ROWS, TEXTS = 256, 32
"""Examples that go through a network at once; of texts fewer."""


@runtime_checkable
class Preparation(Protocol):
    """What stands before a network."""

    def read(self, sources: Sequence[Any], /) -> Shaped[Tensor, "b ..."]:
        """The batch that the network takes."""
        ...

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """What each step gives; of pictures for the first example."""
        ...

    def parts(self, sources: Sequence[Any], /) -> Iterator[Sequence[Any]]:
        """As many examples as go together."""
        ...


class ByPort:
    """Preparation by an input port of ours; the network standardises by itself.

    Args:
        port: the input.
        tokenizer: of texts.
    """

    def __init__(self, port: Port, tokenizer: Any = None, /):
        self.port, self.tokenizer = port, tokenizer

    def read(self, sources: Sequence[Any], /) -> Shaped[Tensor, "b ..."]:
        """The batch, within the port's bounds."""
        given = torch.stack(list(sources)) if isinstance(sources[0], Tensor) else list(sources)
        return read(self.port, given, tokenizer=self.tokenizer)

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """Decoding and resizing, tokens and padding, or cells; then standardisation."""
        port, first, x = self.port, sources[0], self.read(sources)
        if port.kind == "image" and not isinstance(first, Tensor):
            found = [Stage("decode", "decode", whole(port, first)), Stage("resize", "resize", x[0])]
        elif port.kind == "text" and not isinstance(first, Tensor):
            rows = encoded(port, list(sources), self.tokenizer)
            tokens = torch.tensor(rows[0])
            found = [Stage("tokenise", "tokenise", tokens), Stage("pad", "pad", x)]
        else:
            found = [Stage("encode", "encode", x)]
        if port.mean:
            mean, std = (one.to(x.device) for one in statistics(port))
            found.append(Stage("normalise", "normalise", (x - mean) / std))
        return found

    def parts(self, sources: Sequence[Any], /) -> Iterator[Sequence[Any]]:
        """One by one where examples of any size cannot be filled up."""
        free = any(isinstance(dim, str) for dim in self.port.dims)
        alone = free and self.port.padding_id is None
        yield from cut(sources, 1 if alone else TEXTS if self.port.kind == "text" else ROWS)


def cut(sources: Sequence[Any], rows: int, /) -> Iterator[Sequence[Any]]:
    """So many at a time."""
    for start in range(0, len(sources), rows):
        yield sources[start : start + rows]


def whole(port: Port, source: Any, /) -> Tensor:
    """All pixels of a picture as they are decoded, from 0 to 1, before they are resized."""
    return decoded(source, channels=int(port.dims[0]), bits=port.bits)


def decoded(source: Any, /, *, channels: int, bits: int = 16) -> Tensor:
    """All pixels of a picture, from 0 to 1, of its own size.

    Args:
        source: a path, the bytes of a file, or a picture.
        channels: 1 or 3.
        bits: of pictures with more than 8.
    """
    wide, high = source.size if isinstance(source, Image.Image) else header(source).size
    found = pixels(source, channels=channels, height=high, width=wide, bits=bits)
    return found.float().div(255) if found.dtype == torch.uint8 else found
