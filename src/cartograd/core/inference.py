"""What models, layers and decoders offer so that they answer faster, or in less memory.

Protocols, as in `core.protocols`: anything of the right shape is accepted.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.protocols import Writer


@runtime_checkable
class Fusible(Protocol):
    """A model that generates faster in another form; what `generate` calls on a CPU."""

    def largest_product(self) -> tuple[int, int]:
        """The shape of the largest weight of a layer, by which number formats are timed."""
        ...

    def inference_form(self, product: Any, /) -> Writer:
        """The same function with fused weights, which `product` makes into products."""
        ...


@runtime_checkable
class Stackable(Protocol):
    """A layer with rounded weights that becomes one with others of the same inputs."""

    def stacked(
        self, others: Sequence[nn.Module], order: Int[Tensor, " n"] | None, /
    ) -> Callable[[Tensor], Tensor] | None:
        """From inputs to the outputs of all, in this order; None where that cannot be."""
        ...


@runtime_checkable
class Scoring(Protocol):
    """What makes weights into products, and those that score a vocabulary into finer ones."""

    def scores(self, weight: Tensor, bias: Tensor | None, /) -> Callable[[Tensor], Tensor]:
        """The product of the scores."""
        ...


@runtime_checkable
class SingleRow(Protocol):
    """A product that has a shorter way for a single row."""

    def single(self) -> Callable[[Tensor, Tensor], object] | None:
        """What writes the product of a row into another, both in float32 on this processor.

        It may keep memory of its own, so each user asks for one. None where there is no such way.
        """
        ...


@runtime_checkable
class SeveralRows(Protocol):
    """A product that writes its answer for any number of rows where it is told."""

    def several(self) -> Callable[[Tensor, Tensor], object] | None:
        """What writes the product of rows into others, in float32, all without gaps.

        It keeps no memory of its own. None where there is no such way.
        """
        ...


@runtime_checkable
class RoundedCache(Protocol):
    """A decoder that can keep its keys and values as whole numbers of eight bits."""

    def in_int8(self) -> None:
        """Keep what will be read so; nothing has been read yet."""
        ...


@runtime_checkable
class PagedCache(Protocol):
    """A decoder that can keep its keys and values in pages, which rows share."""

    def in_pages(self, *, in_int8: bool = False) -> None:
        """Keep what will be read so, in eight bits or as it is; nothing has been read yet."""
        ...


Lengths = Sequence[int | tuple[int, ...]]
"""How many tokens each text has, or how many a beginning has and each text that goes on from it."""


@runtime_checkable
class Beginning(Protocol):
    """A prompt that is read for one text or several, beside those under way."""

    @property
    def left(self) -> int:
        """How many tokens are still to be read."""
        ...

    def read(self, most: int, /) -> None:
        """Read so many more of them at most."""
        ...

    def join(self) -> Float[Tensor, "n v"]:
        """Have its texts be the last rows from now on; the logits after the prompt, of each."""
        ...

    def close(self) -> None:
        """Give back what was read of it, unless its texts have joined."""
        ...


@runtime_checkable
class Joinable(Protocol):
    """A decoder that takes further texts while others are under way."""

    def begin(
        self, prompt: Sequence[int], length: int, own: int = -1, count: int = 1, /
    ) -> Beginning:
        """Begin to read a prompt; the rows that there are stay as they are until it joins.

        Args:
            prompt: its tokens.
            length: most new tokens of a text, for which there has to be room.
            own: the number of the adapter that its rows have; -1 is none.
            count: texts that go on from it.

        Raises:
            UsageError: there is no room; all is as before then.
        """
        ...


@runtime_checkable
class Packs(Protocol):
    """A model that reads texts one after the other in one row, none of which sees another."""

    def packed(
        self, tokens: Int[Tensor, " n"], lengths: Lengths, at: Int[Tensor, " m"], /
    ) -> Float[Tensor, "m d"]:
        """Features of some of the tokens, before the output layer.

        Args:
            tokens: of all texts; what several texts begin with stands once, before these, and is
                answered as a text by itself.
            lengths: how many each has.
            at: the places of those whose features are asked.
        """
        ...

    def logits(self, x: Float[Tensor, "... d"], /) -> Float[Tensor, "... v"]:
        """Logits of the next token, by features: of no more positions than are asked for."""
        ...


@runtime_checkable
class PacksTexts(Protocol):
    """A model that gives numbers for whole texts, and reads them one after the other in one row."""

    def packed_texts(
        self, tokens: Int[Tensor, " n"], lengths: Lengths, at: Int[Tensor, " m"], /
    ) -> Float[Tensor, "m k"]:
        """The numbers of texts, each of which ends at one of these places.

        Args:
            tokens: of all texts, as `Packs.packed` takes them.
            lengths: how many each has.
            at: the place of the last token of each.
        """
        ...
