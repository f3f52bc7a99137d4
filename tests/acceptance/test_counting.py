"""The baselines of the rows on language, against the same by hand."""

from collections import Counter, defaultdict
from math import log2

import numpy as np
import pytest

from acceptance.counting import Dictionary, bag_of_tokens, kneser_ney


def by_hand(train, order, symbols):
    """The chance of a symbol after a history, written as the formula stands."""

    def counts(n):
        if n == order:
            return Counter(
                tuple(text[i : i + n]) for text in train for i in range(len(text) - n + 1)
            )
        return Counter(gram[1:] for gram in counts(n + 1))

    tables = {n: counts(n) for n in range(1, order + 1)}

    def chance(history, symbol):
        n = len(history) + 1
        lower = 1 / symbols if n == 1 else chance(history[1:], symbol)
        table = tables[n]
        after = {gram[-1]: c for gram, c in table.items() if gram[:-1] == history}
        if not after:
            return lower
        once, twice = (sum(c == k for c in table.values()) for k in (1, 2))
        d = once / (once + 2 * twice) if once and twice else 0.5
        total = sum(after.values())
        return max(after.get(symbol, 0) - d, 0) / total + d * len(after) / total * lower

    return chance


@pytest.mark.parametrize("order", [1, 2, 3])
def test_kneser_ney_by_hand(order):
    draw = np.random.default_rng(0)
    train = [draw.choice(4, 60, p=[0.5, 0.3, 0.15, 0.05]) for _ in range(3)]
    test = draw.choice(4, 25)
    chance = by_hand([text.tolist() for text in train], order, 4)
    bits = 0.0
    for i, symbol in enumerate(test.tolist()):
        history = tuple(test[max(0, i - order + 1) : i].tolist())
        assert sum(chance(history, s) for s in range(4)) == pytest.approx(1)
        bits -= log2(chance(history, symbol))
    assert kneser_ney(train, [test], order=order, symbols=4) == pytest.approx(bits / 25, rel=1e-12)


def test_more_symbols_in_a_row_are_better_on_text_with_a_pattern():
    text = np.frombuffer(b"the cat and the dog and the cow and the cat. " * 40, dtype=np.uint8)
    bits = [kneser_ney([text[:1500]], [text[1500:]], order=n) for n in (1, 2, 3)]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < 0.3


def test_a_dictionary_from_pairs():
    pairs = [
        ("the house", "la casa"), ("the book", "el libro"), ("a house", "una casa"),
        ("a book", "un libro"), ("the green house", "la casa verde"), ("green", "verde"),
    ]  # fmt: skip
    found = Dictionary([(e.split(), f.split()) for e, f in pairs], rounds=10)
    assert found.translated(["green", "book", "house", "new"]) == ["verde", "libro", "casa", "new"]
    sums = defaultdict(float)
    for (e, _), p in found.chance.items():
        sums[e] += p
    assert all(total == pytest.approx(1) for total in sums.values())


def test_the_first_round_by_hand():
    """`a` with x y, `a b` with x: after one round t(x|a) and t(y|a) as the formula gives them."""
    found = Dictionary([(["a"], ["x", "y"]), (["a", "b"], ["x"])], rounds=1)
    x, y, a = found.targets["x"], found.targets["y"], found.sources["a"]
    assert found.chance[a, x] == pytest.approx((1 / 2 + 1 / 3) / (1 / 2 + 1 / 3 + 1 / 2))
    assert found.chance[a, y] == pytest.approx((1 / 2) / (1 / 2 + 1 / 3 + 1 / 2))


def test_a_bag_of_tokens():
    rows = np.array([[1, 2, 0], [2, 1, 1], [3, 4, 0], [4, 4, 3]] * 5)
    kinds = np.array([0, 0, 1, 1] * 5)
    assert bag_of_tokens((rows, kinds), (rows, kinds), tokens=5) == 1
    assert bag_of_tokens((rows, kinds), (rows, 1 - kinds), tokens=5) == 0
