"""A column of a table says which rows are for training, validation and test."""

import pytest

import cartograd as cg
from cartograd.core.errors import UsageError


@pytest.fixture
def write(tmp_path):
    def write(parts, header="text,label,split"):
        path = tmp_path / "reviews.csv"
        rows = [f"the film was {i} of {i + 1},{('no', 'yes')[i % 2]},{p}" for i, p in parts]
        path.write_text("\n".join([header, *rows]))
        return path

    return write


PARTS = [(i, ("train", "Training", "val", "test")[i % 4]) for i in range(40)]


def texts_of(part):
    return part.table.column(part.table.header[0])


@pytest.mark.parametrize("text", [True, False])
def test_rows_are_where_the_column_says(write, text):
    path = write(PARTS, "text,label,split" if text else "words,label,split")
    if not text:  # a table of numbers
        path.write_text(
            "\n".join(["x,label,split", *(f"{i},{'ab'[i % 3 == 0]},{p}" for i, p in PARTS)])
        )
    data = cg.dataset(path, target="label")
    assert [len(data.train), len(data.valid), len(data.test)] == [20, 10, 10]
    assert all(
        name == f"line {i + 2}" for i, name in zip(range(2, 40, 4), data.valid.names, strict=True)
    )
    assert any(
        "split says which rows are for what: train 20, valid 10, test 10" in one
        for one in data.decided
    )
    if not text:
        assert [column.name for column in data.signature.input.columns] == ["x"]


def test_a_part_that_is_not_named_is_cut_from_training(write):
    data = cg.dataset(write([(i, ("train", "test")[i % 2]) for i in range(60)]), target="label")
    assert len(data.test) == 30
    assert len(data.train) + len(data.valid) == 30
    assert 0 < len(data.valid) < 10
    assert any("(valid cut from the training rows)" in one for one in data.decided)


def test_a_column_of_that_name_with_other_words_is_none(write):
    path = write([(i, ("left", "right")[i % 2]) for i in range(60)])
    data = cg.dataset(path, target="label", text="text")
    assert len(data.test) < 30
    with pytest.raises(UsageError, match=r"reviews.csv line 2: 'left' in 'split' is no part; exp"):
        cg.dataset(path, target="label", split="split")
    with pytest.raises(UsageError, match="has no column 'split' of train, valid and test"):
        cg.dataset(path, target="label", split=True)
    held = write([(i, "test") for i in range(60)])
    with pytest.raises(UsageError, match="no row of 'split' is 'train'"):
        cg.dataset(held, target="label", split="split")
    chosen = cg.dataset(write(PARTS), target="label", split=False, text="text")
    assert len(chosen.test) < 10
