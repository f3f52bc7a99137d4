"""How our own code brings raw examples to a port, stage by stage."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from cartograd.apps.replace.form import Stage
from cartograd.core.ports import Port
from cartograd.data.decode.images import header, pixels
from cartograd.data.decode.read import encoded, read


def prepared(port: Port, sources: Sequence[Any], tokenizer: Any, /) -> Iterator[Stage]:
    """The stages before standardisation, of the first example; of texts of all.

    Args:
        port: the input.
        sources: raw examples.
        tokenizer: of texts.
    """
    first = sources[0]
    if port.kind == "image" and not isinstance(first, Tensor):
        yield Stage("decode", "decode", whole(port, first))
        yield Stage("resize", "resize", read(port, [first])[0])
    elif port.kind == "text" and not isinstance(first, Tensor):
        rows = encoded(port, list(sources), tokenizer)
        yield Stage("tokenise", "tokenise", torch.tensor(rows[0]))
        yield Stage("pad", "pad", read(port, list(sources), tokenizer=tokenizer))
    else:
        given = torch.stack(list(sources)) if isinstance(first, Tensor) else list(sources)
        yield Stage("encode", "encode", read(port, given, tokenizer=tokenizer))


def whole(port: Port, source: Any, /) -> Tensor:
    """All pixels of a picture as they are decoded, from 0 to 1, before they are resized."""
    channels = int(port.dims[0])
    wide, high = source.size if isinstance(source, Image.Image) else header(source).size
    found = pixels(source, channels=channels, height=high, width=wide, bits=port.bits)
    return found.float().div(255) if found.dtype == torch.uint8 else found
