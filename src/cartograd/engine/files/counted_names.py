"""Names of weights that hold numbers of layers, which another copy of the model counts otherwise.

Keras calls the dense layers of a process `dense`, `dense_1`, ..., whichever model they belong to.
So a second model of the same code has other names than the first, and a copy loses the name of the
model before those of its layers. What is left when numbers are replaced by ranks is the same.
"""

import re
from collections.abc import Iterable, Mapping

_PART = re.compile(r"[^./]+")
_COUNTED = re.compile(r"(.*?)(?:_(\d+))?")


def renumbered(names: Iterable[str], others: Iterable[str], /) -> dict[str, str] | None:
    """Names by those of another copy that mean the same; None if they do not go one to one.

    >>> renumbered(["p.net_1/dense_3/w", "p.net_1/dense_4/w"], ["p.dense/w", "p.dense_1/w"])
    {'p.net_1/dense_3/w': 'p.dense/w', 'p.net_1/dense_4/w': 'p.dense_1/w'}
    """
    ours, theirs = _ranked(list(names)), _ranked(list(others))
    back = {ranked: name for name, ranked in theirs.items()}
    if len(back) != len(theirs) or set(ours.values()) != set(back) or len(ours) != len(back):
        return None
    return {name: back[ranked] for name, ranked in ours.items()}


def _ranked(names: list[str]) -> dict[str, str]:
    """Each name without the model's own, its numbers replaced by their ranks."""
    short = _without_model(names)
    numbers: dict[str, set[int]] = {}
    for name in short.values():
        for part in _PART.findall(name):
            word, number = _split(part)
            numbers.setdefault(word, set()).add(number)
    rank = {word: {n: i for i, n in enumerate(sorted(found))} for word, found in numbers.items()}

    def replaced(match: re.Match[str]) -> str:
        word, number = _split(match.group())
        return f"{word}_{rank[word][number]}"

    return {name: _PART.sub(replaced, text) for name, text in short.items()}


def _without_model(names: list[str]) -> Mapping[str, str]:
    """Names without the leading parts that all paths of layers share.

    The owner of a weight and the weight itself are two parts; what is longer begins with a model.
    """
    paths = {name: name.rpartition(".")[2].split("/") for name in names}
    while True:
        long = [path[0] for path in paths.values() if len(path) > 2]
        if not long or len(set(long)) > 1:
            break
        paths = {name: path[1:] if len(path) > 2 else path for name, path in paths.items()}
    return {
        name: "".join(name.rpartition(".")[:2]) + "/".join(path) for name, path in paths.items()
    }


def _split(part: str) -> tuple[str, int]:
    """A part of a name as its word and its number; no number is 0.

    >>> _split("dense_12"), _split("dense"), _split("0")
    (('dense', 12), ('dense', 0), ('0', 0))
    """
    found = _COUNTED.fullmatch(part)
    assert found is not None
    return found[1], int(found[2] or 0)
