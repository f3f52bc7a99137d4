"""A batch of somebody's data that cannot be made or used is told in a line, with its number."""

from collections.abc import Iterator
from typing import Any

from cartograd.core.errors import UsageError, first_line


class BatchError(UsageError):
    """A batch that cannot be made or used."""


def made(source: Iterator[Any], where: str, /, *, start: int = 0) -> Iterator[Any]:
    """The batches of a source; a failure to make one is told with its number.

    >>> list(made(iter([1, 2]), "train"))
    [1, 2]

    Args:
        source: of batches.
        where: they are.
        start: how many batches came before them.

    Raises:
        BatchError: one cannot be made.
    """
    number = start
    while True:
        number += 1
        try:
            batch = next(source)
        except StopIteration:
            return
        except UsageError:
            raise
        except Exception as error:
            raise BatchError(f"{where}: batch {number} cannot be made: {_reason(error)}") from error
        yield batch


def _reason(error: Exception) -> str:
    """Why a batch cannot be made; a worker process of a loader tells it in its last line."""
    lines = str(error).strip().splitlines()
    if lines and lines[0].startswith("Caught "):
        return lines[-1]
    return f"{type(error).__name__}: {first_line(error)}"
