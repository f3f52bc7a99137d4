"""Back-translation: two translators as a thesaurus of sentences, ours among them."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.practice.metrics.chrf import chrf
from cartograd.training.augmentation.text.back_translation import back_translation, round_trip

SENTENCES = [["film", str(i), "is", "sad"] for i in range(400)]


def there(texts):
    return [text.upper() for text in texts]


def back(texts):
    return [text.lower().replace("sad", "not a joy") for text in texts]


@pytest.mark.law("back-translation")
def test_the_chosen_ones_are_what_both_make_of_them():
    calls = []

    def counted(texts):
        calls.append(len(texts))
        return there(texts)

    found = back_translation(SENTENCES, CounterRandom(torch.arange(400)), counted, back, p=0.3)
    changed = [i for i, words in enumerate(found) if words != SENTENCES[i]]
    assert all(found[i] == ["film", str(i), "is", "not", "a", "joy"] for i in changed)
    assert calls == [len(changed)], "all are translated in one call"
    assert 0.22 < len(changed) / 400 < 0.38
    every = back_translation(SENTENCES, CounterRandom(torch.arange(400)), there, back, p=1.0)
    assert all(words[-1] == "joy" for words in every)
    assert (
        back_translation(SENTENCES, CounterRandom(torch.arange(400)), there, back, p=0.0)
        == SENTENCES
    )


def test_a_sentence_that_vanishes_stays():
    rng = CounterRandom(torch.arange(3))
    found = back_translation(SENTENCES[:3], rng, there, lambda t: [""] * len(t), p=1.0)
    assert found == SENTENCES[:3]


def test_how_much_is_left():
    texts = [" ".join(words) for words in SENTENCES]
    assert round_trip([], there, back) == []
    once = round_trip(texts, there, back)
    assert 0.3 < chrf(once, texts) < 1
    assert chrf(round_trip(texts, there, lambda t: [x.lower() for x in t]), texts) == 1


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="needs two translators"):
        back_translation(SENTENCES, CounterRandom(torch.arange(400)))
    with pytest.raises(UsageError, match="the translator 'back' gave 1 texts for 400"):
        round_trip([" ".join(words) for words in SENTENCES], there, lambda _: ["one"])
