"""The inverse of key maps: our state dict under the names of a published file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op, Table


def written(
    tensors: Mapping[str, Tensor], table: Table, /, *, source: str, prefixed: bool = False
) -> dict[str, Tensor]:
    r"""The way back: our state dict under the names of the file.

    Groups of a pattern have to be plain, `(\d+)` or `(weight|bias)`; an optional `(?:bert\.)?` is
    left away, or kept where names begin with it. What was joined from parts is cut into equal ones.

    Args:
        tensors: our state dict.
        table: as for `renamed`.
        source: what to call the file in an error.
        prefixed: begin names with what is optional there.

    Raises:
        UsageError: a tensor has no row, or its row cannot be turned round.
    """
    ways = [way for row in table for way in _turned(row, source, prefixed)]
    named = {_memory(tensor) for name, tensor in tensors.items() if _leads(name, ways)}
    pieces: dict[str, dict[int, Tensor]] = {}
    changes: dict[str, _Way] = {}
    for name, tensor in tensors.items():
        fitting = _leads(name, ways)
        if not fitting and _memory(tensor) in named:
            continue  # tied to one that has a name
        if not fitting:
            raise UsageError(f"{source} has no name for {name!r}: no row of its table leads there")
        fitting = [item for item in fitting if item[0].part >= 0] or fitting[:1]
        fitting.sort(key=lambda item: item[0].part)
        if len(tensor.shape) and len(tensor) % len(fitting):
            raise UsageError(f"{source}: {name!r} cannot be cut into {len(fitting)} equal parts")
        shared = tensor.chunk(len(fitting)) if len(fitting) > 1 else (tensor,)
        for (way, match), piece in zip(fitting, shared, strict=True):
            there = match.expand(way.file)
            pieces.setdefault(there, {})[way.place] = piece
            changes[there] = way
    return {name: changes[name].back(pieces[name], name, source) for name in pieces}


@dataclass(frozen=True)
class _Way:
    """From one of our names to the file's."""

    ours: re.Pattern[str]
    file: str
    op: Any
    place: int
    count: int
    part: int

    def back(self, pieces: Mapping[int, Tensor], name: str, source: str) -> Tensor:
        """The file's tensor."""
        lacking = [index for index in range(self.count) if index not in pieces]
        if lacking:
            raise UsageError(f"{source}: part {lacking[0] + 1} of {name!r} is not there")
        if self.op is None:
            return pieces[0]
        if not isinstance(self.op, Op):
            raise UsageError(f"{source}: there is no way back for {name!r}")
        return self.op.back(*(pieces[index] for index in range(self.count)))


def _turned(row: tuple[Any, ...], source: str, prefixed: bool) -> list[_Way]:
    """A row the other way."""
    if row[1] is None:
        return []
    file, groups = _template(row[0], source, prefixed)
    targets = row[1] if isinstance(row[1], tuple) else (row[1],)
    ways = []
    for place, target in enumerate(targets):
        whole, _, part = target.partition("#")
        ours, seen = "", set()
        for piece in re.split(r"(\\\d+)", whole):
            if not re.fullmatch(r"\\\d+", piece):
                ours += re.escape(piece)
                continue
            number = int(piece[1:])
            ours += f"(?P=g{number})" if number in seen else f"(?P<g{number}>{groups[number - 1]})"
            seen.add(number)
        op = row[2] if len(row) > 2 else None
        back = re.sub(r"\\(\d+)", r"\\g<g\1>", file)
        ways.append(_Way(re.compile(ours), back, op, place, len(targets), int(part or -1)))
    return ways


def _template(pattern: str, source: str, prefixed: bool) -> tuple[str, list[str]]:
    r"""A pattern as a template with `\1`, and what its groups match."""
    text, groups, rest = "", [], pattern
    while rest:
        group = re.match(r"\((\?:)?((?:[^()\\]|\\.)*)\)(\??)", rest)
        letter = re.match(r"\\([^\w])|([\w.#/:-])", rest)
        taken = group or letter
        if taken is None:
            raise UsageError(f"{source}: the row {pattern!r} cannot be turned round")
        if group and group[1] and group[3]:
            text += group[2].replace("\\", "") if prefixed and rest == pattern else ""
        elif group and not group[1]:
            groups.append(group[2])
            text += f"\\{len(groups)}"
        elif letter and not group:
            text += letter[1] or letter[2]
        else:
            raise UsageError(f"{source}: the row {pattern!r} cannot be turned round")
        rest = rest[taken.end() :]
    return text, groups


def _leads(name: str, ways: Sequence[_Way]) -> list[tuple[_Way, re.Match[str]]]:
    return [(way, match) for way in ways if (match := way.ours.fullmatch(name))]


def _memory(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()
