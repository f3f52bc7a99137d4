r"""Key maps: the tensors of someone else's file under our names, or an error that says which not.

A published file names its tensors after the code that wrote it. A table says once, row by row,
where each of them goes, so that whoever reads it sees both architectures side by side:

    (r"h\.(\d+)\.ln_1\.(weight|bias)", r"blocks.\1.norm1.\2")            one for one
    (r"h\.(\d+)\.mlp\.c_fc\.weight", r"blocks.\1.up.weight", transposed)  changed by an op
    (r"(.*)\.qkv\.weight", (r"\1.q.weight", r"\1.k.weight", r"\1.v.weight"), parts(3))
    (r"(.*)\.query\.weight", r"\1.qkv.weight#0")                          a part of one of ours
    (r"h\.(\d+)\.attn\.bias", None)                                       left out on purpose
    (r"positions\.weight", None, known)                            left out, if its op allows

A pattern has to match the file's whole name; the first row that does holds. Nothing may be left
over on either side, so a file of another model cannot be loaded by half. The inverse is
`core.key_map_inverse`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError

Table = Sequence[tuple[Any, ...]]
"""Rows `(pattern, name)` or `(pattern, name, op)`."""


@dataclass(frozen=True)
class Op:
    """A change of a tensor, and its inverse.

    Attributes:
        there: from the file's tensor to ours, or to several of ours.
        back: the inverse; it takes as many tensors as `there` gives.
    """

    there: Callable[[Tensor], Tensor | tuple[Tensor, ...]]
    back: Callable[..., Tensor]

    def __call__(self, tensor: Tensor, /) -> Tensor | tuple[Tensor, ...]:
        """From the file's to ours."""
        return self.there(tensor)


transposed = Op(lambda tensor: tensor.transpose(0, 1), lambda tensor: tensor.transpose(0, 1))
"""Rows become columns: for files that keep a linear layer as (inputs, outputs)."""


def parts(sizes: int | tuple[int, ...], /, *, dim: int = 0) -> Op:
    """One tensor as several: a number of equal ones, or of these sizes.

    >>> import torch
    >>> [len(part) for part in parts((4, 2))(torch.zeros(6))]
    [4, 2]
    """

    def there(tensor: Tensor) -> tuple[Tensor, ...]:
        length = tensor.shape[dim]
        if isinstance(sizes, tuple):
            return tensor.split(sizes, dim)
        if length % sizes:
            raise UsageError(f"{length} rows are not {sizes} equal parts")
        return tensor.split(length // sizes, dim)

    return Op(there, lambda *pieces: _joined(pieces, dim))


def unpaired(heads: int, /) -> Op:
    """Rows of queries or keys from one order of rotary positions to the other, head by head.

    A rotation turns two numbers at a time. Meta's LLaMA files and GGUF keep such two beside each
    other (0 1, 2 3, ...); ours, like Hugging Face's, keep one in each half of the head.

    >>> import torch
    >>> unpaired(1)(torch.tensor([0, 1, 2, 3])).tolist()
    [0, 2, 1, 3]
    """

    def there(tensor: Tensor) -> Tensor:
        return tensor.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)

    def back(tensor: Tensor) -> Tensor:
        return tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)

    return Op(there, back)


def renamed(
    tensors: Mapping[str, Tensor], table: Table, /, *, into: nn.Module, source: str
) -> dict[str, Tensor]:
    """A file's tensors as the state dict of a module, complete and of the right shapes.

    Two rows may lead to one name (weights that are tied, written twice) if the tensors are equal;
    of weights that the module itself ties, one is enough.

    Args:
        tensors: as they are in the file.
        table: where each of them goes; see above.
        into: the module they are for; it is not changed (`into.load_state_dict` takes the result).
        source: what to call the file in an error.

    Raises:
        UsageError: a tensor has no place, one is missing, or one is of another shape than the
            module's: which, what was expected and what was found.
    """
    mapped, origin = _mapped(tensors, table, source)
    own = into.state_dict(keep_vars=True)
    model = type(into).__name__
    strange = [name for name in mapped if name not in own]
    if strange:
        raise UsageError(
            f"{source} is of another model: {origin[strange[0]]!r} would be {strange[0]!r}"
            f"{_more(strange)}, and this {model} has no such weight"
        )
    ties = {id(tensor): mapped[name] for name, tensor in own.items() if name in mapped}
    missing = [
        name for name, tensor in own.items() if name not in mapped and id(tensor) not in ties
    ]
    if missing:
        raise UsageError(
            f"{source} lacks {missing[0]!r} of {_shape(own[missing[0]])}{_more(missing)}, "
            f"which this {model} needs; is the file of another model, or only a part of one?"
        )
    for name, tensor in mapped.items():
        _check(source, origin[name], name, tensor, own[name], model)
    return {name: mapped.get(name, ties[id(tensor)]) for name, tensor in own.items()}


def _mapped(
    tensors: Mapping[str, Tensor], table: Table, source: str
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Every tensor under our name, and the name in the file that it came from."""
    rows = [(re.compile(row[0]), row[1], row[2] if len(row) > 2 else None) for row in table]
    mapped: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    parted: dict[str, dict[int, Tensor]] = {}
    homeless = []
    for name, tensor in tensors.items():
        row = next(((m, *rest) for p, *rest in rows if (m := p.fullmatch(name))), None)
        if row is None:
            homeless.append(name)
            continue
        for ours, piece in _pieces(name, tensor, *row, source=source):
            whole, _, part = ours.partition("#")
            origin.setdefault(whole, name)
            if part:
                parted.setdefault(whole, {})[int(part)] = piece
                continue
            if whole in mapped and not _equal(mapped[whole], piece):
                raise UsageError(
                    f"{source}: {origin[whole]!r} and {name!r} differ, though both are {whole!r}"
                )
            mapped[whole] = piece
    if homeless:
        raise UsageError(
            f"{source} is of another model: nothing is known of {homeless[0]!r} of "
            f"{_shape(tensors[homeless[0]])}{_more(homeless)}"
        )
    return mapped | {name: _joined(_ordered(name, p, source)) for name, p in parted.items()}, origin


def _pieces(
    name: str, tensor: Tensor, match: re.Match[str], target: Any, op: Any, *, source: str
) -> Iterable[tuple[str, Tensor]]:
    """What one tensor of the file becomes."""
    if target is None and op is None:
        return ()
    if not isinstance(tensor, Tensor):
        raise UsageError(f"{source}: {name!r} is no tensor but a {type(tensor).__name__}")
    try:
        made = tensor if op is None else op(tensor)
    except (RuntimeError, ValueError, IndexError) as error:
        raise UsageError(
            f"{source}: {name!r} of {_shape(tensor)} is not of the form expected: {error}"
        ) from error
    if target is None:
        return ()
    names = target if isinstance(target, tuple) else (target,)
    given = made if isinstance(made, tuple) else (made,)
    assert len(names) == len(given), f"{match.re.pattern}: {len(names)} names for {len(given)}"
    return [(match.expand(one), piece) for one, piece in zip(names, given, strict=True)]


def _check(source: str, name: str, ours: str, tensor: Tensor, wanted: Tensor, model: str) -> None:
    """Refuse another shape, and numbers where quantised ones are expected or vice versa."""
    if tensor.shape != wanted.shape:
        raise UsageError(
            f"{source} is of another shape: {name!r} becomes {ours!r} of {_shape(tensor)}, and "
            f"this {model} expects {_shape(wanted)}"
        )
    if tensor.is_floating_point() != wanted.is_floating_point():
        raise UsageError(
            f"{source}: {name!r} is of {tensor.dtype}, and {ours!r} of this {model} expects "
            f"{wanted.dtype}; is the file quantised?"
        )


def _ordered(name: str, pieces: Mapping[int, Tensor], source: str) -> list[Tensor]:
    lacking = [number for number in range(max(pieces) + 1) if number not in pieces]
    if lacking:
        raise UsageError(f"{source} lacks part {lacking[0] + 1} of {name!r}")
    return [pieces[number] for number in range(len(pieces))]


def _joined(pieces: Sequence[Tensor], dim: int = 0) -> Tensor:
    return torch.cat(list(pieces), dim)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.is_meta or (one.shape == other.shape and torch.equal(one, other))


def _shape(tensor: Any) -> str:
    return f"shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else type(tensor).__name__


def _more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
