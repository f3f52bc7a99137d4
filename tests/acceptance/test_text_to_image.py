"""What the row on prompts counts, on small numbers."""

import itertools

import pytest
import torch

from acceptance import text_to_image
from acceptance.text_to_image import (
    NEW,
    TAUGHT,
    Prompts,
    Seen,
    agreement,
    blind,
    composed,
    mean_right,
    named,
    obeyed,
    recognised,
    spread,
)
from cartograd.data.sources import emoji as source
from tests.data.sources.test_emoji import SIGNS, written


def test_shuffled_is_the_mean_over_all_orders():
    seen, asked = torch.tensor([0, 2, 1, 1, 0]), torch.tensor([0, 2, 2, 1, 1])
    orders = [torch.tensor(order) for order in itertools.permutations(asked.tolist())]
    mean = sum((seen == order).double().mean().item() for order in orders) / len(orders)
    found = agreement(seen, asked)
    assert found.right == pytest.approx(0.6)
    assert found.shuffled == pytest.approx(mean)


def test_composed_prompts_say_in_both_languages_what_is_judged():
    english, chinese = composed("en"), composed("zh")
    assert len(english.texts) == len(chinese.texts) == 9 * 5 - 5
    assert len(set(english.texts)) == len(set(chinese.texts)) == 40
    assert not set(english.texts) & set(text_to_image.KNOWN)
    place = english.texts.index("blue fish")
    assert chinese.texts[place] == "蓝色鱼"
    for given in (english, chinese):
        assert source.COLOURS[given.classes["colour"][place]] == "blue"
        assert source.CATEGORIES[given.classes["category"][place]] == "animals-nature"


def test_spread_takes_the_first_and_the_last():
    given = Prompts(list("abcde"), {"category": torch.arange(5)})
    few = spread(given, 3)
    assert few.texts == ["a", "c", "e"]
    assert few.classes["category"].tolist() == [0, 2, 4]
    assert spread(given, 9).texts == given.texts


def test_names_have_the_classes_of_their_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(text_to_image, "DATA", f"emoji:{written(tmp_path)},size=8")
    data = source.emoji(tmp_path, size=8, language="en")
    parts = data.train, data.test
    for language in ("en", "zh"):
        given = named("train", language)
        assert len(given.texts) > 30
        for text, group in zip(given.texts, given.classes["category"].tolist(), strict=True):
            assert SIGNS.index(text[-1]) % 8 == group
    # Words have no upper case: a letter is known if training has its other form.
    train, test = ([name[-1] for name in part.names] for part in parts)
    known = [one for one in test if one.swapcase() in train]
    assert 0 < len(known) < len(test)
    assert [text[-1] for text in named("test", "en").texts] == known


def test_each_prompt_is_drawn_and_judged_by_its_own_class(monkeypatch):
    asked = {}

    def sample(folder, count, *, condition, guidance):
        asked[folder] = (count, condition, guidance)
        return torch.tensor([[float(len(text))] for text in condition])

    class Judge:
        def classes(self, x):
            return torch.nn.functional.one_hot(x[:, 0].long() - 1, 3)

    monkeypatch.setattr("cartograd.sample", sample)
    given = Prompts(["a", "bb", "ccc", "d"], {"category": torch.tensor([0, 1, 2, 2])})
    found = recognised({"category": Judge()}, "run", given)
    assert asked == {"run": (4, ["a", "bb", "ccc", "d"], text_to_image.GUIDANCE)}
    assert found["category"].right == 0.75


def test_each_seed_language_and_judge_has_to_see_what_was_asked_for():
    good = {"category": Seen(0.5, 0.15), "colour": Seen(0.4, 0.15)}
    weak = good | {"colour": Seen(0.2, 0.15)}
    whole = {f"{TAUGHT}, en": good, f"{TAUGHT}, zh": good, f"{NEW}, en": weak}
    assert obeyed([whole, whole])
    assert not obeyed([whole, whole | {f"{TAUGHT}, zh": weak}])
    assert not obeyed([whole | {f"{NEW}, en": good | {"category": Seen(0.1, 0.1)}}])
    assert blind({"category": Seen(0.18, 0.12), "colour": Seen(0.15, 0.02)})
    assert not blind({"category": Seen(0.2, 0.12), "colour": Seen(0.1, 0.1)})
    assert mean_right(whole | {f"{NEW}, en": weak}) == pytest.approx(0.45)
