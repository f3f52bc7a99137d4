"""A recurrent model while it generates: all that it keeps of what it read is its state.

Unlike an attention's cache the state does not grow, so that a token costs the same however long the
text is. To forget again (`rewind`) the state after each call is kept; within a call the tokens are
read again from the state before it.

Shapes: tokens `b t`; logits `b t v`; the tensors of a state `n b ...`, rows along dimension 1.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.rnn.recurrence import State
from cartograd.core.errors import UsageError

Advance = Callable[[Tensor, State], tuple[Tensor, State]]
"""Tokens `b t` and the state before them: features `b t d`, and the state after them."""


class Memory:
    """What decoding asks of a model (`core.protocols`), for states.

    Args:
        advance: reads tokens.
        head: from features to logits.
        state: before the first token.
        capacity: greatest number of tokens of a row.
        starts: how many tokens at the left of each row are padding; the state stays as it is there.
    """

    def __init__(
        self,
        advance: Advance,
        head: Callable[[Tensor], Tensor],
        state: State,
        capacity: int,
        /,
        *,
        starts: Int[Tensor, " b"] | None = None,
    ):
        self.advance, self.head, self.capacity, self.starts = advance, head, capacity, starts
        self.kept = [(0, state)]
        self.tokens: Tensor | None = None

    @property
    def length(self) -> int:
        """How many tokens it has read."""
        return self.kept[-1][0]

    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or after the last one only.

        Raises:
            UsageError: more tokens than there is room for.
        """
        wanted = self.length + tokens.shape[1]
        if wanted > self.capacity:
            raise UsageError(
                f"{wanted} tokens are more than the {self.capacity} that there is room for; "
                "give a larger capacity, or fewer tokens"
            )
        features, state = self._read(tokens, *self.kept[-1])
        self.kept.append((wanted, state))
        self.tokens = tokens if self.tokens is None else torch.cat([self.tokens, tokens], 1)
        return self.head(features[:, -1:] if last else features)

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order."""
        self.kept = [
            (length, tuple(part.index_select(1, rows) for part in state))
            for length, state in self.kept
        ]
        self.tokens = None if self.tokens is None else self.tokens[rows]
        self.starts = None if self.starts is None else self.starts[rows]

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`.

        Raises:
            UsageError: it has not read as many.
        """
        if not 0 <= length <= self.length:
            raise UsageError(f"cannot go back to {length} of {self.length} tokens")
        while self.kept[-1][0] > length:
            self.kept.pop()
        before, state = self.kept[-1]
        if self.tokens is not None:
            self.tokens = self.tokens[:, :length]
            if before < length:
                _, state = self._read(self.tokens[:, before:], before, state)
                self.kept.append((length, state))

    def _read(self, tokens: Tensor, length: int, state: State) -> tuple[Tensor, State]:
        """Step by step where a row has not begun, then all at once."""
        waiting, parts = 0, []
        starts = tokens.new_zeros(len(tokens)) if self.starts is None else self.starts
        if self.starts is not None:
            waiting = min(max(int(starts.max()) - length, 0), tokens.shape[1])
        for t in range(waiting):
            features, after = self.advance(tokens[:, t : t + 1], state)
            begun = starts <= length + t
            state = tuple(
                torch.where(begun.view(1, -1, *[1] * (new.ndim - 2)), new, old)
                for new, old in zip(after, state, strict=True)
            )
            parts.append(features)
        if waiting < tokens.shape[1]:
            features, state = self.advance(tokens[:, waiting:], state)
            parts.append(features)
        return torch.cat(parts, 1), state
