"""EDA's operations: what stays, what changes, and how often."""

from collections import Counter

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.store import wordnet
from cartograd.training.augmentation.text.eda import eda
from cartograd.training.augmentation.text.random_deletion import random_deletion
from cartograd.training.augmentation.text.random_insertion import random_insertion
from cartograd.training.augmentation.text.random_swap import random_swap
from cartograd.training.augmentation.text.synonym_replacement import synonym_replacement

N = 3000
SENTENCE = ["the", "sad", "old", "dog", "saw", "the", "old", "sea", "and", "slept"]
SYNONYMS = {"sad": ("gloomy", "sorry"), "old": ("aged",), "dog": ("domestic dog", "hound")}
DRAWS = CounterRandom(torch.arange(N), seed=1)


def thesaurus(word):
    return SYNONYMS.get(word, ())


@pytest.mark.law("synonym-replacement")
def test_replacement():
    found = synonym_replacement([SENTENCE] * N, DRAWS, thesaurus, alpha=0.2)
    replaced = Counter()
    for words in found:
        text = " ".join(words)
        changes = [w for w in SYNONYMS if f" {w} " not in f" {text.replace('domestic dog', '')} "]
        assert len(changes) == 2
        undone = text.replace("domestic dog", "dog").replace("hound", "dog")
        for word, synonyms in SYNONYMS.items():
            for synonym in synonyms:
                replaced[synonym] += synonym in text
                undone = undone.replace(synonym, word)
        assert undone.split() == SENTENCE
        assert ("aged" in words) == (words.count("aged") == 2)
    assert abs(replaced["aged"] - 2 * N / 3) < 120
    for synonym in ("gloomy", "sorry", "hound", "domestic dog"):
        assert abs(replaced[synonym] - N / 3) < 120


@pytest.mark.law("random-insertion")
def test_insertion():
    places = Counter()
    for words in random_insertion([SENTENCE] * N, DRAWS, lambda w: (f"*{w}",), alpha=0.1):
        assert [word for word in words if word[0] != "*"] == SENTENCE
        (new,) = (word for word in words if word[0] == "*")
        assert new[1:] in ("sad", "old", "dog", "saw", "sea", "slept")
        places[words.index(new)] += 1
    assert set(places) == set(range(11))
    assert max(abs(count - N / 11) for count in places.values()) < 80
    (two,) = random_insertion([SENTENCE], DRAWS.of(torch.tensor([0])), lambda w: ("*",), alpha=0.2)
    assert two.count("*") == 2


@pytest.mark.law("random-swap")
def test_swap():
    letters, pairs = list("abcdef"), Counter()
    for words in random_swap([letters] * N, DRAWS):
        moved = [i for i in range(6) if words[i] != letters[i]]
        assert sorted(words) == letters
        assert len(moved) == 2
        pairs[tuple(moved)] += 1
    assert len(pairs) == 15
    assert max(abs(count - N / 15) for count in pairs.values()) < 60
    for words in random_swap([letters] * 50, DRAWS.of(torch.arange(50)), alpha=0.5):
        assert sum(a != b for a, b in zip(words, letters, strict=True)) <= 6


@pytest.mark.law("random-deletion")
def test_deletion():
    letters = list("abcdef")
    found = random_deletion([letters] * N, DRAWS, p=0.3)
    assert all(words == sorted(words) and set(words) <= set(letters) for words in found)
    for letter in letters:
        left = sum(letter in words for words in found) / N
        assert abs(left - 0.7) < 0.04
    ends = Counter(words[0] for words in random_deletion([letters] * N, DRAWS, p=1.0))
    assert set(ends) == set(letters)
    assert all(len(words) == 1 for words in random_deletion([letters] * N, DRAWS, p=1.0))


@pytest.mark.law("eda")
def test_each_sentence_goes_through_one_of_the_four():
    kinds = Counter()
    for words in eda([SENTENCE] * N, DRAWS, lambda w: (f"*{w}",), alpha=0.11):
        new = sum(word[0] == "*" for word in words)
        if new:
            kinds["replaced" if len(words) == len(SENTENCE) else "inserted"] += 1
        else:
            whole = sorted(words) == sorted(SENTENCE)
            kinds["swapped" if whole and words != SENTENCE else "deleted"] += 1
    assert abs(kinds["replaced"] - N / 4) < 100
    assert abs(kinds["inserted"] - N / 4) < 100
    assert abs(kinds["swapped"] - N / 4) < 120  # two equal words may be exchanged
    assert sum(kinds.values()) == N


def test_a_batch_of_long_sentences_changes_nothing_for_a_short_one():
    short = [SENTENCE[:4]] * 5
    at = DRAWS.of(torch.arange(5))
    for method in (synonym_replacement, random_insertion, eda):
        alone = method(short, at, thesaurus)
        beside = method([*short, SENTENCE * 9], DRAWS.of(torch.arange(6)), thesaurus)
        assert beside[:5] == alone
    for method in (random_swap, random_deletion):
        assert method([*short, SENTENCE * 9], DRAWS.of(torch.arange(6)))[:5] == method(short, at)


def test_short_and_empty_sentences():
    lone = [[], ["sad"], ["the"]]
    at = DRAWS.of(torch.arange(3))
    assert random_deletion(lone, at, p=0.9) == lone
    assert random_swap(lone, at) == lone
    assert random_insertion([[], ["the"]], at.of(torch.arange(2)), thesaurus) == [[], ["the"]]
    assert eda([], DRAWS.of(torch.arange(0)), thesaurus) == []


def test_without_wordnet_the_way_to_it_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path))
    wordnet.wordnet.cache_clear()
    with pytest.raises(UsageError, match="cartograd data get wordnet"):
        synonym_replacement([["sad"]], DRAWS.of(torch.tensor([0])))


def test_with_the_real_wordnet():
    try:
        wordnet.wordnet()
    except UsageError as error:
        pytest.skip(f"WordNet: {error}")
    found = synonym_replacement([["a", "happy", "dog"]] * 20, DRAWS.of(torch.arange(20)), alpha=0.4)
    assert {words[1] for words in found} >= {"happy", "glad"}
