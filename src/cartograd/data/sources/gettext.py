r"""Messages of programs and games in English and in another language, from gettext catalogues.

A catalogue (`.mo`) is how a translated program finds its messages: the original text and its
translation. Short ones are mostly names of buttons; `min_words` keeps those of several words, the
sentences. Plural forms, the header, and messages that stay as they are in translation are left
out, and marks for keyboard shortcuts are taken away. All translations of a message fall into the
same part.

Shapes: source `n s`, target `n t` (shifted right), next tokens `n t`.

Departures: none.

References:
    GNU gettext manual, 1995, section 10.3: the format of .mo files.
    https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html

>>> plain("_Save the file as...")
'Save the file as...'
"""

import gettext as reader
import re
import struct
from pathlib import Path

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.parallel import Pair, tidy, translation
from cartograd.data.store import packages

CARD = Card(
    name="gettext",
    kind="data",
    entry="gettext",
    title="Messages of programs and games with their translations",
    zh="程序与游戏消息的双语对照",
    paper="GNU gettext manual",
    year=1995,
    url="https://www.gnu.org/software/gettext/manual",
    proofs=("law: catalogues written by the test are read back: pairs once, no plurals, no marks",),
    tiny={"vocabulary": 280},
    renamed={"least": "min_words"},
)


def gettext(
    path: str | Path | None = None,
    /,
    *,
    language: str = "zh_CN",
    min_words: int = 3,
    vocabulary: int = 8000,
    context: int = 80,
    valid: float = 0.05,
    test: float = 0.05,
) -> Dataset:
    """Messages from English into a language.

    Args:
        path: a folder of catalogues, laid out as in `/usr/share/locale`; by default what
            `cartograd data get gettext` has fetched (zh_CN only).
        language: as catalogues call it.
        min_words: fewest words of a message in English.
        vocabulary: greatest number of pieces, for both languages.
        context: greatest number of tokens of a message.
        valid: share of the messages for validation.
        test: share of the messages for testing.

    Raises:
        UsageError: there are no catalogues of the language, or one is damaged.
    """
    folder = packages.where("gettext") if path is None else Path(path)
    files = {*folder.glob(f"**/{language}/LC_MESSAGES/*.mo"), *folder.glob(f"{language}.*.mo")}
    if not files:
        raise UsageError(
            f"{folder} holds no catalogues of {language!r}; expected {language}/LC_MESSAGES/*.mo"
        )
    found = {
        pair: None
        for file in sorted(files)
        for pair in message_pairs(file)
        if len(pair[0].split()) >= min_words
    }
    about = {"source": str(folder), "language": language, "catalogues": len(files)}
    sizes = {"vocabulary": vocabulary, "context": context, "valid": valid, "test": test}
    return translation("gettext", list(found), **sizes, about=about)


def message_pairs(file: Path, /) -> list[Pair]:
    """The original and the translation of each message of a catalogue, in a fixed order."""
    try:
        with file.open("rb") as handle:
            catalogue: dict[object, str] = vars(reader.GNUTranslations(handle))["_catalog"]
    except (OSError, UnicodeDecodeError, struct.error, ValueError) as error:
        raise UsageError(f"{file} is no whole gettext catalogue: {error}") from error
    texts = ((key, value) for key, value in catalogue.items() if isinstance(key, str) and key)
    # A context ("menu\x04Save") says which of two equal messages is meant: no part of the text.
    pairs = ((plain(key.rpartition("\x04")[2]), plain(value)) for key, value in texts)
    return sorted({(a, b) for a, b in pairs if a and b and a != b})


def plain(message: str, /) -> str:
    """A message as it is read: no shortcuts (`_Save`, `保存(_S)`), no line breaks."""
    return tidy(re.sub(r"\(_\w\)|_(?=\w)", "", message)) if "_" in message else tidy(message)
