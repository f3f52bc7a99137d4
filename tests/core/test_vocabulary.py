"""The vocabulary: one name for one thing, with its range."""

import pytest

from cartograd.core import registry, vocabulary
from cartograd.core.build import hyperparameters
from cartograd.core.errors import UsageError

WORDS = vocabulary.words()
LIMITS = {"min", "max", "above", "below"}
FIELDS = LIMITS | {"means", "synonyms", "of"}


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_defined(word):
    entry = WORDS[word]
    assert len(entry["means"]) > 10
    assert set(entry) <= FIELDS, f"{word}: {set(entry) - FIELDS}"
    for limits in (entry, *entry.get("of", {}).values()):
        assert not {"min", "above"} <= set(limits), "a lower limit is closed or open, not both"
        assert not {"max", "below"} <= set(limits), "an upper limit is closed or open, not both"
    for method, limits in entry.get("of", {}).items():
        assert set(limits) <= LIMITS
        assert any(word in hyperparameters(card) for card, _ in registry.lookup(method)), method


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
        ("step_size", 0, "expected above 0.0"),
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


@pytest.mark.parametrize(
    ("owner", "value", "right"),
    [("rmsprop", 0.0, True), ("rmsprop", 1.0, False), ("eda", 1.0, True), ("eda", 1.1, False),
     ("elu", 1.1, True), ("elu", 0.0, False), ("mixup", 4.0, True)],
)  # fmt: skip
def test_a_method_may_have_a_range_of_its_own(owner, value, right):
    if right:
        vocabulary.check(owner, "alpha", value)
        return
    with pytest.raises(UsageError, match=f"{owner}: alpha={value} is out of range"):
        vocabulary.check(owner, "alpha", value)
