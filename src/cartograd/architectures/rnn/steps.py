"""What a recurrent model reads at each step: a token, a row of pixels, or some numbers.

Shapes: tokens `b t`, images `b c y x` (a step is a row of pixels of all channels) or series
`b t d`; steps `b t d`, and the length of each row, ` b`, where tokens are padded.
"""

from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError


class Steps(nn.Module):
    """An input of any kind as a row of steps.

    Args:
        dim: features of an embedded token.
        features: numbers of one whole image, or of one step of a series.
        size: rows of an image.
        vocabulary: size of the vocabulary; given, the input is tokens.
        padding_id: the padding token.

    Raises:
        UsageError: neither tokens nor numbers were described.
    """

    def __init__(
        self,
        dim: int,
        /,
        *,
        features: int | None = None,
        size: int | None = None,
        vocabulary: int | None = None,
        padding_id: int | None = None,
    ):
        super().__init__()
        if vocabulary is None and features is None:
            raise UsageError(
                "a recurrent model reads tokens or numbers; give vocabulary=, or features= of a "
                "step (with size=: features of a whole image of that many rows)"
            )
        self.padding_id = padding_id
        self.embedding = None
        self.width = dim
        if vocabulary is not None:
            self.embedding = nn.Embedding(vocabulary, dim, padding_idx=padding_id)
        elif features is not None:
            self.width = features // (size or 1)

    def forward(
        self, x: Shaped[Tensor, "b ..."], /
    ) -> tuple[Float[Tensor, "b t d"], Int[Tensor, " b"] | None]:
        """The steps, and the length of each row if rows are padded."""
        if self.embedding is not None:
            return self.embedding(x), self.lengths(x)
        if x.ndim == 4:
            x = x.movedim(1, 2).flatten(2)
        return x, None

    def lengths(self, tokens: Int[Tensor, "b t"], /) -> Int[Tensor, " b"] | None:
        """Tokens of each row up to its padding, or None if rows are never padded."""
        if self.padding_id is None:
            return None
        return (tokens != self.padding_id).sum(1)
