"""WordNet: its format from a tiny database, and the real one where it has been fetched."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.store.wordnet import PARTS, WordNet, wordnet

LICENCE = "  1 This software and database is being provided to you.  \n  2 happy 00000000  \n"
SYNSETS = {
    "noun": [("dog", "domestic_dog", "Canis_familiaris"), ("frump", "dog"), ("film", "movie")],
    "verb": [("chase", "dog", "tail")],
    "adj": [("sad", "sorry(a)"), ("happy", "glad(p)", "felicitous")],
    "adv": [],
}


def tiny(folder):
    """The format of wndb(5WN): offsets in bytes, numbers of words in hexadecimal."""
    for part in PARTS:
        data, index = LICENCE, {}
        for words in SYNSETS[part]:
            offset = len(data.encode())
            listed = " ".join(f"{word} 0" for word in words)
            data += (
                f"{offset:08} 05 n {len(words):02x} {listed} 001 @ 00001740 n 0000 | a gloss  \n"
            )
            for word in words:
                index.setdefault(word.partition("(")[0].lower(), []).append(offset)
        lines = [
            f"{word} n {len(at)} 1 @ {len(at)} 0 " + " ".join(f"{n:08}" for n in at) + "  \n"
            for word, at in sorted(index.items())
        ]
        (folder / f"data.{part}").write_text(data)
        (folder / f"index.{part}").write_text(LICENCE + "".join(lines))
    return folder


def test_words_of_all_synsets_of_all_parts_of_speech(tmp_path):
    found = WordNet(tiny(tmp_path))
    assert found.synonyms("dog") == ("canis familiaris", "chase", "domestic dog", "frump", "tail")
    assert found.synonyms("Happy") == ("felicitous", "glad")
    assert found.synonyms("sorry") == ("sad",)
    assert found.synonyms("domestic dog") == ("canis familiaris", "dog")
    assert found.synonyms("glad") == ("felicitous", "happy")
    assert found.synonyms("dogs") == found.synonyms("") == found.synonyms("1") == ()


def test_a_folder_without_it(tmp_path):
    with pytest.raises(UsageError, match=r"index\.noun cannot be read"):
        WordNet(tmp_path)


def test_the_real_one():
    try:
        found = wordnet()
    except UsageError as error:
        pytest.skip(f"WordNet: {error}")
    assert found.synonyms("happy") == ("felicitous", "glad", "well-chosen")
    assert "automobile" in found.synonyms("car")
    assert "promptly" in found.synonyms("quickly")
    assert found.synonyms("xyzzy") == ()
