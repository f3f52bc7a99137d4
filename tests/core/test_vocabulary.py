"""The vocabulary: one name for one thing, with its range."""

import pytest

from cartograd.core import vocabulary
from cartograd.core.errors import UsageError

WORDS = vocabulary.words()
FIELDS = {"means", "min", "max", "above", "below", "synonyms"}


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_defined(word):
    entry = WORDS[word]
    assert len(entry["means"]) > 10
    assert set(entry) <= FIELDS, f"{word}: {set(entry) - FIELDS}"
    assert not {"min", "above"} <= set(entry), "a lower limit is closed or open, not both"
    assert not {"max", "below"} <= set(entry), "an upper limit is closed or open, not both"


def test_no_synonym_is_a_word_or_has_two_meanings():
    synonyms = [synonym for entry in WORDS.values() for synonym in entry.get("synonyms", ())]
    assert not set(synonyms) & set(WORDS)
    assert len(synonyms) == len(set(synonyms))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("depth", 0, "m: depth=0 is out of range; expected at least 1"),
        ("dropout", 1.0, "m: dropout=1.0 is out of range; expected below 1.0"),
        ("dropout", -0.1, "expected at least 0.0"),
        ("step", 0, "expected above 0.0"),
        ("widths", (64, 0), "m: widths=(64, 0) is out of range"),
        ("dropout", float("nan"), "out of range"),
    ],
)
def test_out_of_range(key, value, message):
    with pytest.raises(UsageError) as caught:
        vocabulary.check("m", key, value)
    assert message in str(caught.value)
    assert WORDS[key]["means"] in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("depth", 1), ("dropout", 0.0), ("widths", ()), ("no_such_word", -5), ("depth", None)],
)
def test_within_range(key, value):
    vocabulary.check("m", key, value)
