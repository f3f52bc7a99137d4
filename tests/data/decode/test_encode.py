"""Columns and features, held against scikit-learn's scaler and one-hot encoder."""

import numpy as np
import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Column
from cartograd.data.decode.encode import encode, fit_columns, is_numeric, numbers
from cartograd.data.decode.table import Table

DRAW = np.random.default_rng(0)
TOWNS = [str(town) for town in DRAW.choice(["Rome", "Oslo", "Bern"], 80)]
SIZES = [f"{size:.6f}" for size in DRAW.normal(5, 3, 80)]


def table(**columns):
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return Table("t.csv", tuple(columns), rows, list(range(2, len(rows) + 2)))


def fit(data, train=None, **args):
    rows = torch.arange(len(data)) if train is None else torch.tensor(train)
    return fit_columns(data, data.header, rows, **args)


@pytest.mark.oracle("csv")
def test_features_equal_scikit_learns():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    data, train = table(size=SIZES, town=TOWNS), list(range(0, 80, 2))
    columns, left_out = fit(data, train)
    sizes = np.array(SIZES, dtype=float)[:, None]
    towns = np.array(TOWNS)[:, None]
    scaler = preprocessing.StandardScaler().fit(sizes[train])
    hot = preprocessing.OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    expected = np.hstack([scaler.transform(sizes), hot.fit(towns[train]).transform(towns)])
    torch.testing.assert_close(
        encode(data, columns), torch.from_numpy(expected).float(), rtol=1e-5, atol=1e-5
    )
    assert left_out == {}


def test_statistics_come_from_the_training_rows():
    data = table(size=[*SIZES[:40], *["1e6"] * 40])
    assert fit(data, list(range(40)))[0] == fit(table(size=SIZES[:40]))[0]


def test_missing_numbers_are_the_mean_and_say_so():
    cells = ["1", "3", "", "NA"]
    (column,), _ = fit(table(size=cells))
    assert column == Column("size", mean=2.0, std=1.0, indicator=True)
    assert encode(table(size=cells), [column]).tolist() == [[-1, 0], [1, 0], [0, 1], [0, 1]]


def test_no_indicator_where_training_had_no_gaps():
    (column,), _ = fit(table(size=["1", "3", ""]), [0, 1])
    assert encode(table(size=["", "5"]), [column]).tolist() == [[0], [3]]


def test_unseen_and_missing_categories_are_zeros():
    column = Column("town", categories=("Bern", "Rome"))
    assert encode(table(town=["Rome", "Paris", ""]), [column]).tolist() == [[0, 1], [0, 0], [0, 0]]


def test_numbers_can_be_names():
    (column,), _ = fit(table(shop=["7", "12"] * 10), categorical=("shop",))
    assert column.categories == ("12", "7")


def test_rare_categories_are_not_kept():
    (column,), _ = fit(table(town=["Rome"] * 9 + ["Oslo"] * 2 + ["Bern"]))
    assert column.categories == ("Oslo", "Rome")


def test_only_the_most_frequent_categories_are_kept():
    cells = [f"c{i}" for i in range(150) for _ in range(2 + (i < 100))]
    (column,), _ = fit(table(code=cells))
    assert set(column.categories) == {f"c{i}" for i in range(100)}


def test_columns_that_cannot_help_are_left_out_with_the_reason():
    names = [f"name {i}" for i in range(80)]
    data = table(size=SIZES, name=names, same=["x"] * 80, gone=["NA"] * 80)
    columns, left_out = fit(data)
    assert [column.name for column in columns] == ["size"]
    assert left_out == {
        "name": "text that never repeats",
        "same": "the same in every training row",
        "gone": "always missing",
    }


def test_a_stray_cell_in_a_numeric_column_is_named():
    cells = [*SIZES[:20], "n.b.", *SIZES[20:]]
    with pytest.raises(UsageError, match=r"t.csv line 22: 'n.b.' in the numeric column 'size'.*"
                       r"categorical=\[size\]"):  # fmt: skip
        fit(table(size=cells))
    assert fit(table(size=cells), categorical=("size",))[1]


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999"])
def test_infinite_is_no_number(cell):
    with pytest.raises(UsageError, match="not a finite number"):
        numbers([*SIZES, cell], "size", table(size=[*SIZES, cell]))


def test_a_column_of_mostly_words_is_categorical():
    assert is_numeric(["1"] * 9 + ["x"])
    assert not is_numeric(["1"] * 8 + ["x"])
    assert not is_numeric(["", "NA"])


def test_lost_column_when_encoding():
    with pytest.raises(UsageError, match="did you mean 'sizes'"):
        encode(table(sizes=SIZES), [Column("size")])


def test_no_rows_give_no_features():
    assert encode(table(size=[]), [Column("size", indicator=True)]).shape == (0, 2)
