"""WordNet: which English words mean the same, read from its database files.

`index.POS` has a line for each word, sorted, with the byte offsets of its synsets in `data.POS`;
there a line holds the words of one synset (the format is in the manual page wndb(5WN)).

References:
    George A. Miller. WordNet: a lexical database for English. Communications of the ACM 38, 1995.
    https://doi.org/10.1145/219717.219748
"""

from functools import cache
from pathlib import Path

from cartograd.core.errors import UsageError
from cartograd.data.store import packages

PARTS = ("noun", "verb", "adj", "adv")


class WordNet:
    """The database in a folder.

    Args:
        folder: holds `index.noun`, `data.noun` and so on.

    Raises:
        UsageError: a file is missing.
    """

    def __init__(self, folder: str | Path, /) -> None:
        self.folder = Path(folder)
        self._files: dict[str, bytes] = {}
        self._known: dict[str, tuple[str, ...]] = {}
        for part in PARTS:
            for name in (f"index.{part}", f"data.{part}"):
                try:
                    self._files[name] = (self.folder / name).read_bytes()
                except OSError as error:
                    raise UsageError(
                        f"{self.folder} does not hold WordNet: {name} cannot be read"
                    ) from error

    def synonyms(self, word: str, /) -> tuple[str, ...]:
        """Words (some of them several in a row) that share a meaning with this one, sorted.

        The word is looked up as it stands, without regard to upper case: `dogs` is not `dog`.
        """
        lemma = word.lower().replace(" ", "_")
        if lemma not in self._known:
            synonyms = {name for part in PARTS for name in self._of(part, lemma)}
            self._known[lemma] = tuple(sorted(synonyms - {lemma.replace("_", " ")}))
        return self._known[lemma]

    def _of(self, part: str, lemma: str) -> list[str]:
        """All words of all synsets of a word as this part of speech."""
        index = self._files[f"index.{part}"]
        start = index.find(f"\n{lemma} ".encode()) + 1 if lemma else 0
        if not start:
            return []
        fields = index[start : index.index(b"\n", start)].decode().split()
        return [word for offset in fields[-int(fields[2]) :] for word in self._synset(part, offset)]

    def _synset(self, part: str, offset: str) -> list[str]:
        """The words of the synset at a byte offset."""
        data, start = self._files[f"data.{part}"], int(offset)
        fields = data[start : data.index(b"\n", start)].decode().split()
        words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        return [word.partition("(")[0].replace("_", " ").lower() for word in words]


@cache
def wordnet() -> WordNet:
    """WordNet 3.0 from the store.

    Raises:
        UsageError: it has not been fetched.
    """
    return WordNet(packages.where("wordnet"))
