"""What there is to say beside the answers: what the model cannot know, and what cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cartograd.core.errors import UsageError


@dataclass
class Heard:
    """Notes on inputs, and inputs that are refused.

    Attributes:
        strict: whether one input that cannot be read ends it all.
        notes: what is answered though the model cannot know it, a line each.
        refused: what is not answered and why, a line each.
    """

    strict: bool = True
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @contextmanager
    def reading(self, name: str, /) -> Iterator[None]:
        """A block that reads or answers one input; unless strict, its failure is a line.

        Raises:
            UsageError: what the block raises, if strict.
        """
        try:
            yield
        except UsageError as error:
            if self.strict:
                raise
            told = str(error)
            self.refused.append(told if name in told else f"{name}: {told}")
