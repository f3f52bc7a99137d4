"""Preparation as it was told: an ONNX file of anyone gets its examples by a few lines of TOML.

What they may say stands in `apps.load.told`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from PIL import Image
from torch import Tensor

from cartograd.apps.load.told import Told, tokenizer_of
from cartograd.apps.replace.form import Stage
from cartograd.apps.replace.prepared import ROWS, TEXTS, cut, decoded
from cartograd.core.errors import UsageError, unknown
from cartograd.data.decode.filters import resized


class ByTold:
    """Preparation as it was told.

    Args:
        said: what was.
        folder: where a tokenizer's file is.

        where: they stand, for errors.

    Raises:
        UsageError: a text has no tokenizer.
    """

    def __init__(self, said: Told, folder: Path, where: str, /):
        self.said, self.where = said, where
        self.tokenizer = tokenizer_of(said, folder, where)

    def read(self, sources: Sequence[Any], /) -> Shaped[Tensor, "b ..."]:
        """The batch that the graph takes."""
        if self.said.kind == "image":
            x = torch.stack([self._pictures(one)[-1].value for one in sources])
            return x if self.said.layout == "chw" else x.movedim(1, -1)
        return self.stages(sources)[-1].value

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """What each step gives."""
        if self.said.kind == "image":
            found = self._pictures(sources[0])
            return [*found[:-1], Stage("normalise", "normalise", found[-1].value[None])]
        if self.said.kind == "text":
            return self._texts(list(sources))
        x = torch.stack([self._numbers(one) for one in sources])
        return [Stage("encode", "encode", x), Stage("normalise", "normalise", self._scaled(x))]

    def parts(self, sources: Sequence[Any], /) -> Iterator[Sequence[Any]]:
        """As many as go together."""
        yield from cut(sources, TEXTS if self.said.kind == "text" else ROWS)

    def _pictures(self, source: Any) -> list[Stage]:
        """Decoded, resized, and scaled to what the graph takes."""
        said, (height, width) = self.said, self.said.size
        x = source if isinstance(source, Tensor) else decoded(source, channels=said.channels)
        x = x.flip(0) if said.order == "BGR" else x
        small = x
        if tuple(x.shape[1:]) != (height, width):
            pixels = x.mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
            picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
            small = resized(picture, height, width, filter=said.resize, fit=said.fit)
        taken = self._scaled(small * (255 / said.scale), axis=0)
        return [
            Stage("decode", "decode", x), Stage("resize", "resize", small),
            Stage("normalise", "normalise", taken),
        ]  # fmt: skip

    def _scaled(self, x: Tensor, *, axis: int = 1) -> Tensor:
        if not self.said.mean:
            return x
        shape = [1] * x.ndim
        shape[axis] = -1
        mean, std = (torch.tensor(one).reshape(shape) for one in (self.said.mean, self.said.std))
        return (x - mean) / std

    def _numbers(self, source: Any) -> Tensor:
        """The cells of a row, or the numbers themselves."""
        if not isinstance(source, Mapping):
            return torch.as_tensor(np.asarray(source), dtype=torch.float32).flatten()
        lacking = [name for name in self.said.columns if name not in source]
        if lacking:
            raise unknown(f"column for {self.where}", lacking[0], [*source])
        try:
            return torch.tensor([float(source[name]) for name in self.said.columns])
        except ValueError as error:
            raise UsageError(f"{self.where}: a cell is no number ({error})") from error

    def _texts(self, texts: list[str]) -> list[Stage]:
        """Tokens, and rows of one length."""
        assert self.tokenizer is not None
        rows, said = self.tokenizer.encoded(texts), self.said
        wide = said.length or max(map(len, rows))
        rows = [row[:wide] for row in rows]
        filled = [
            [said.padding_id] * (wide - len(row)) + row
            if said.padding == "left" else row + [said.padding_id] * (wide - len(row))
            for row in rows
        ]  # fmt: skip
        return [
            Stage("tokenise", "tokenise", torch.tensor(rows[0])),
            Stage("pad", "pad", torch.tensor(filled)),
        ]
