"""Chinese reviews, character by character."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.zh_reviews import zh_reviews


def files(folder):
    good = [f"第{i}本书,很 好" for i in range(40)]
    (folder / "pos.txt").write_text("\n".join([*good, good[0], "", "都有"]))
    (folder / "neg.txt").write_text("\n".join([*(f"第{i}本书,不好" for i in range(40)), "都有"]))
    return folder


@pytest.mark.law("zh-reviews")
def test_reviews_come_back_each_once(tmp_path):
    data = zh_reviews(files(tmp_path))
    assert (data.about["reviews"], data.about["in both"]) == (80, 1)
    rows = [row for part in (data.train, data.valid, data.test) for row in part.inputs.tolist()]
    sizes = sorted(sum(token != 0 for token in row) for row in rows)
    whole = [len(f"第{i}本书,不好") for i in range(40)] + [
        len(f"第{i}本书,很 好") for i in range(40)
    ]
    assert sizes == sorted(whole)
    for part in (data.train, data.valid, data.test):
        size = (part.inputs != 0).sum(1)
        blanks = {row: bool(y) for row, y in zip(size.tolist(), part.targets.tolist(), strict=True)}
        assert blanks.get(7) is not True  # 第9本书,不好 has seven characters, and is negative
    assert data.train.targets.float().mean() == pytest.approx(0.5, abs=0.1)


def test_long_ones_are_cut(tmp_path):
    data = zh_reviews(files(tmp_path), context=4)
    assert data.train.inputs.shape[1] == 4
    assert data.about["cut"] == 80


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*neg\.txt.*expected a review on each line"):
        zh_reviews(tmp_path)


def test_the_real_ones():
    try:
        data = zh_reviews()
    except UsageError as error:
        pytest.skip(f"zh-reviews: {error}")
    assert data.about["reviews"] == 17_361
    texts = {row.numpy().tobytes() for row in data.train.stored}
    assert sum(row.numpy().tobytes() in texts for row in data.test.stored) < 12
