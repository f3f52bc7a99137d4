"""The quick strong model: the columns it sees are the table's own, and it learns what is there."""

import math

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge

import cartograd as cg
from cartograd.core.column import Column
from cartograd.data.dataset.dataset import Split
from cartograd.practice.yardsticks import estimators, yardstick
from cartograd.practice.yardsticks.features import cells, features, pixels, spectrum
from cartograd.practice.yardsticks.yardstick import fitted, judged


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_cells_are_the_tables_own(tmp_path):
    """A category is one column, a missing cell is NaN, whatever the encoding made of them."""
    rows = [f"{i},{'' if i % 4 == 0 else i / 2},{'abc'[i % 3]},{'yn'[i % 2]}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["k,size,town,late", *rows]) + "\n")
    data = cg.dataset(f"csv:{tmp_path}/t.csv,target=late")
    columns = data.signature.input.columns
    found, categories = cells(data.train.inputs, columns)
    names = [column.name for column in columns]
    at = names.index("town")
    assert categories == (at,)
    assert data.train.table is not None
    towns = [columns[at].categories.index(one) for one in data.train.table.column("town")]
    assert found[:, at].tolist() == towns
    gaps = [cell == "" for cell in data.train.table.column("size")]
    assert np.isnan(found[:, names.index("size")]).tolist() == gaps
    assert found.shape == (len(data.train), 3)


def test_a_category_never_seen_is_missing():
    found, _ = cells(torch.tensor([[0.0, 0.0, 2.5]]), (Column("a", ("x", "y")), Column("b")))
    assert math.isnan(found[0, 0])
    assert found[0, 1] == 2.5


def test_pictures_are_averaged_and_sounds_are_told_by_their_bands():
    x = drawn(2, 3, 40, 20)
    assert pixels(x).shape == (2, 3 * 16 * 16)
    assert pixels(x).mean() == pytest.approx(float(x.mean()), abs=0.02)
    t = torch.arange(8000) / 8000
    low, high = (spectrum((2 * math.pi * f * t).sin()[None, None], 8000) for f in (200, 3000))
    assert low[0, :40].argmax() < 10 < 30 < high[0, :40].argmax()


def test_boosting_is_scikit_learns():
    """Where no example is held out all rounds answer: the same trees, to the last bit."""
    x = drawn(300, 3).double().numpy()
    y = (x[:, 0] * x[:, 1] > 0.25).astype(int)
    empty = x[:0], y[:0]
    weights = np.where(y == 1, 3.0, 1.0)
    more = {"target": "class", "classes": 2, "weights": weights}
    found = estimators.boosting(x, y, empty, **more)(x)
    theirs = HistGradientBoostingClassifier(
        max_iter=100, early_stopping=False, random_state=0, min_samples_leaf=15
    ).fit(x, y, sample_weight=weights)
    assert np.array_equal(found.exp().numpy().argmax(1), theirs.predict(x))
    assert torch.allclose(found.exp(), torch.from_numpy(theirs.predict_proba(x)))


def test_held_examples_say_how_many_trees():
    """Labels without a reason: on others the first trees are best, and probabilities stay near."""
    x, y = drawn(200, 4).double().numpy(), (drawn(200, seed=1) > 0.5).long().numpy()
    held = drawn(200, 4, seed=2).double().numpy(), (drawn(200, seed=3) > 0.5).long().numpy()
    more = {"target": "class", "classes": 2, "weights": None}
    stopped = estimators.boosting(x, y, held, **more)(held[0]).exp()[:, 1]
    whole = estimators.boosting(x, y, (x[:0], y[:0]), **more)(held[0]).exp()[:, 1]
    assert (stopped - 0.5).abs().mean() < 0.5 * (whole - 0.5).abs().mean()


def test_a_line_is_scikit_learns():
    x = drawn(80, 3).double().numpy()
    scaled = (x - x.mean(0)) / x.std(0)
    y = (x.sum(1) > 1.5).astype(int)
    more = {"target": "class", "classes": 3, "weights": None}
    found = estimators.line(x, y, (x[:0], y[:0]), **more)(x)
    theirs = LogisticRegression(C=1 / (1e-2 * 80), max_iter=200).fit(scaled, y)
    assert torch.allclose(found[:, :2].exp(), torch.from_numpy(theirs.predict_proba(scaled)))
    assert (found[:, 2].exp() < 1e-8).all()  # a class of which no example is there
    values = x @ np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]])
    more = {"target": "value", "classes": 0, "weights": None}
    found = estimators.line(x, values, (x[:0], values[:0]), **more)(x)
    ridge = Ridge(alpha=1e-2 * 80).fit(scaled, values)
    assert torch.allclose(found, torch.from_numpy(ridge.predict(scaled)))


def test_labels_each_have_one():
    x = drawn(200, 2).double().numpy()
    y = np.stack([x[:, 0] > 0.5, x[:, 1] > 0.5, np.ones(200)], 1).astype(float)
    more = {"target": "classes", "classes": 3, "weights": None}
    found = estimators.boosting(x, y, (x[:0], y[:0]), **more)(x)
    assert ((found > 0).numpy() == (y > 0)).mean() > 0.98
    assert (found[:, 2] > 20).all()


def test_it_learns_what_a_line_cannot():
    x = drawn(800, 2) - 0.5
    data = cg.tensors(x, ((x[:, 0] > 0) ^ (x[:, 1] > 0)).long())
    found = fitted(data.train, data.valid)
    assert found is not None
    assert (found.name, found.about) == ("boosting", f"{len(data.train)} training examples")
    right = found.answer(data.test).argmax(1) == data.test.targets
    assert right.double().mean() > 0.9
    again = fitted(data.train, data.valid)
    assert again is not None
    assert torch.equal(found.answer(data.test), again.answer(data.test))


def test_of_many_examples_some_are_taken(monkeypatch):
    x = drawn(3000, 2)
    data = cg.tensors(x, (x[:, 0] > 0.5).long())
    monkeypatch.setattr(yardstick, "ROWS", (100, 200))
    monkeypatch.setattr(yardstick, "CELLS", {True: 240, False: 240})
    found = fitted(data.train, data.valid)
    assert found is not None
    assert found.about == f"120 of {len(data.train):,} training examples"
    monkeypatch.setattr(yardstick, "JUDGED", 7)
    assert judged(data.test).tolist() == [i * len(data.test) // 7 for i in range(7)]


def test_where_each_position_is_answered_there_is_none():
    data = cg.dataset("copying")
    assert fitted(data.train, data.valid) is None


def test_texts_in_two_languages(tmp_path):
    for name, words in (("en", ("fine work", "bad luck")), ("zh", ("这个很好", "那个不行"))):
        rows = [f"{words[i % 2]} {i % 7},{i % 2}" for i in range(120)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["words,late", *rows]) + "\n")
        data = cg.dataset(f"csv:{tmp_path}/{name}.csv,target=late,text=words")
        assert isinstance(data.train, Split)
        found = features(data.signature, data.train, tokenizer=data.tokenizer)
        assert found is not None
        assert found.name == "TF-IDF of its words"
        made = fitted(data.train, data.valid, tokenizer=data.tokenizer)
        assert made is not None
        assert made.name == "logistic regression on TF-IDF of its words"
        answers = made.answer(data.test).argmax(1)
        assert torch.equal(answers, data.test.targets)
