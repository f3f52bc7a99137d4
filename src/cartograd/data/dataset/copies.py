"""Files that hold the same bytes under different names, which must not stand in two splits."""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path


def split_keys(names: Sequence[str], files: Sequence[Path], /) -> list[str]:
    """What decides on the split of each file: its name; of copies, the name of the first.

    Only files of one size are read, so that folders without copies cost a look at each file.

    Args:
        names: one for each file, such as its path within the folder.
        files: in their order, by which the first of several copies is the first.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> for name, said in {"a": "one", "b": "two", "c": "one"}.items():
    ...     _ = (root / name).write_text(said)
    >>> split_keys("abc", [root / name for name in "abc"])
    ['a', 'b', 'a']
    """
    keys, sizes = list(names), [file.stat().st_size for file in files]
    order = sorted(range(len(files)), key=sizes.__getitem__)
    for _, group in groupby(order, key=sizes.__getitem__):
        alike = list(group)
        first = dict[bytes, str]()
        for index in alike if len(alike) > 1 else ():
            keys[index] = first.setdefault(_digest(files[index]), keys[index])
    return keys


def _digest(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").digest()
