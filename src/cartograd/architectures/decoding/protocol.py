"""What decoding asks of a model: that it reads tokens, caches them, and can drop them again.

A model hands out a `Decoder` by `model.decoder(...)`; generation, beam search and speculation know
nothing else of it, so that they serve texts, images and sounds alike:

    decoder-only:      model.decoder(rows, capacity, /, *, starts=None) -> Decoder
    encoder-decoder:   model.decoder(source, capacity, /) -> Decoder

`capacity` is how many tokens a row may hold in all. `starts` says how many tokens at the left of
each row are padding, so that prompts of unequal length end together.
"""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class Decoder(Protocol):
    """A model while it generates, with the cache of what it has read.

    Attributes:
        length: how many tokens it has read, padding at the left included.
    """

    @property
    def length(self) -> int:
        """How many tokens it has read."""
        ...

    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or (for long prompts) after the last one only.

        Raises:
            UsageError: more tokens than there is room for.
        """
        ...

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order; a row may be named several times, or not at all."""
        ...

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        ...


@runtime_checkable
class Writer(Protocol):
    """A model that can generate."""

    def decoder(self, given: Any, capacity: int, /) -> Decoder:
        """The model before its first token: of so many rows, or about these sources."""
        ...
