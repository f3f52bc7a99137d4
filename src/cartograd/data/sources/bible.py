r"""The Bible in English and Spanish: 31,000 verses, the King James Version and Reina-Valera 1909.

Both translations count their verses alike, so a verse of one is the translation of the same verse
of the other. They are read from modules of the SWORD project: `.bzz` holds compressed blocks,
`.bzs` where each block lies, `.bzv` the block, place and length of each verse; marks and notes are
taken out. A verse goes to its split by a hash of its name.

Shapes: source `n s`, target `n t` (shifted right), next tokens `n t`.

Departures: none.

References:
    The SWORD Project, zText modules. https://crosswire.org/sword
    The Holy Bible (King James Version), 1769. La Santa Biblia (Reina-Valera), 1909.

>>> from cartograd.data.sources.bible import plain
>>> plain('In the <w lemma="strong:H7225">beginning</w><note>or: first</note> God ')
'In the beginning God'
"""

import re
import struct
import zlib
from pathlib import Path
from typing import Literal

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.parallel import tidy, translation
from cartograd.data.store import packages

CARD = Card(
    name="bible",
    kind="data",
    entry="bible",
    title="The Bible, English and Spanish verse by verse",
    zh="圣经英西对照（逐节）",
    paper="King James Version, 1769; Reina-Valera, 1909",
    year=1909,
    url="https://crosswire.org/sword",
    proofs=(
        "law: verses written as SWORD modules by the test are read back, without marks and notes",
        "paper: the King James New Testament has 7,957 verses",
    ),
    tiny={"vocabulary": 280},
)

LANGUAGES = {"en": "kjv", "es": "rv"}


def bible(
    path: str | Path | None = None,
    /,
    *,
    source: Literal["en", "es"] = "en",
    vocabulary: int = 8000,
    context: int = 80,
    valid: float = 0.04,
    test: float = 0.04,
) -> Dataset:
    """Verses in both languages.

    Args:
        path: a folder of both modules' files (`kjv-ot.bzz`, ..., `rv-nt.bzs`); by default what
            `cartograd data get bible` has fetched.
        source: the language to translate from; the other is the target.
        vocabulary: greatest number of pieces, for both languages.
        context: greatest number of tokens of a verse.
        valid: share of the verses for validation.
        test: share of the verses for testing.

    Raises:
        UsageError: a file is not there or damaged.
    """
    folder = packages.where("bible") if path is None else Path(path)
    order = (source, *(language for language in LANGUAGES if language != source))
    pairs, keys = [], []
    for part in ("ot", "nt"):
        sides = [verses(folder, f"{LANGUAGES[language]}-{part}") for language in order]
        for number, pair in enumerate(zip(*sides, strict=False)):
            if all(pair):
                pairs.append(pair)
                keys.append(f"{part} {number}")
    sizes = {"vocabulary": vocabulary, "context": context, "valid": valid, "test": test}
    about = {"source": str(folder), "licence": "public domain", "languages": "-".join(order)}
    return translation("bible", pairs, keys=keys, **sizes, about=about)


def verses(folder: Path, stem: str, /) -> list[str]:
    """Every place of one part of a module, in order; headings and gaps are empty.

    Raises:
        UsageError: a file is not there or damaged.
    """
    try:
        table, places, packed = (
            (folder / f"{stem}.{end}").read_bytes() for end in ("bzs", "bzv", "bzz")
        )
        blocks = [
            zlib.decompress(packed[start : start + length])
            for start, length, _ in struct.iter_unpack("<III", table)
        ]
        marked = [
            blocks[block][start : start + length].decode() if length else ""
            for block, start, length in struct.iter_unpack("<IIH", places)
        ]
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror or error}") from error
    except (zlib.error, struct.error, IndexError, UnicodeDecodeError) as error:
        raise UsageError(f"{folder / stem} is no whole SWORD module: {error}") from error
    return [plain(text) for text in marked]


def plain(marked: str, /) -> str:
    """A verse without its marks, notes and titles."""
    bare = re.sub(r"<(note|title)\b.*?</\1>", "", marked, flags=re.DOTALL)
    return tidy(re.sub(r"<[^>]*>", "", bare))
