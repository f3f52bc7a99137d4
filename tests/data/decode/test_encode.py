"""Columns and features, held against scikit-learn's scaler and one-hot encoder."""

import numpy as np
import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Column
from cartograd.data.decode.columns import fit_columns, is_numeric, measured
from cartograd.data.decode.encode import encode, numbers, unknown
from cartograd.data.decode.table import Table

DRAW = np.random.default_rng(0)
TOWNS = [str(town) for town in DRAW.choice(["Rome", "Oslo", "Bern"], 80)]
SIZES = [f"{size:.6f}" for size in DRAW.normal(5, 3, 80)]


def table(**columns):
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return Table("t.csv", tuple(columns), rows, list(range(2, len(rows) + 2)))


def fit(data, train=None, **args):
    rows = torch.arange(len(data)) if train is None else torch.tensor(train)
    found = fit_columns(data, data.header, rows, **args)
    return found.used, found.left_out


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


@pytest.mark.parametrize("offset", [0, 1e6, -1e9, 4006381334000, 1e15])
def test_encoded_numbers_have_mean_0_and_spread_1_at_every_offset(offset):
    cells = [f"{offset + 7 * i:.0f}" for i in range(200)]
    columns, _ = fit(table(t=cells))
    features = encode(table(t=cells), columns).double()
    assert abs(features.mean()) < 1e-4
    assert abs(features.std(correction=0) - 1) < 1e-4
    assert features.diff(dim=0).std() < 1e-4 * features.diff(dim=0).mean()


def test_statistics_keep_seven_digits_of_the_spread():
    mean, std = measured(np.array([4006381334000.125, 4006381334000.375]))
    assert (mean, std) == (4006381334000.25, 0.125)
    assert measured(np.array([5.0, 5.0])) == (5.0, 0.0)


@pytest.mark.parametrize("mark", ["-", "--", "n.a.", "#N/A", "#DIV/0!", "?", "\u2013"])
@pytest.mark.parametrize("share", [0.05, 0.15, 0.5])
def test_marks_among_numbers_are_missing(mark, share):
    gaps = int(80 * share)
    marked = table(size=[mark] * gaps + SIZES[gaps:])
    blank = table(size=[""] * gaps + SIZES[gaps:])
    assert fit(marked) == fit(blank)
    assert torch.equal(encode(marked, fit(marked)[0]), encode(blank, fit(blank)[0]))


@pytest.mark.parametrize("mark", ["none", "NA", "-", "?"])
def test_a_mark_among_words_is_a_category(mark):
    (column,), _ = fit(table(garage=[mark, "yes"] * 10))
    assert column.categories == tuple(sorted([mark, "yes"]))


def test_marks_that_are_named_are_missing_everywhere():
    data = table(size=[*SIZES[:70], *["-999"] * 5, *["-999.0"] * 5], town=["x"] * 5 + TOWNS[5:])
    found = fit_columns(data, data.header, torch.arange(80), marks=("-999", "x"))
    size, town = found.used
    assert size.indicator
    assert size.mean == fit(table(size=SIZES[:70]))[0][0].mean
    assert "x" not in town.categories
    assert encode(data, [size])[75].tolist() == [0, 1]
    assert unknown(data, found.used) == []


def test_a_spike_far_from_all_others_is_pointed_out():
    def notes(cells):
        data = table(size=cells)
        return fit_columns(data, data.header, torch.arange(len(data))).notes

    assert notes(SIZES) == ()
    (note,) = notes([*SIZES[:75], *["-999"] * 5])
    assert "size: -999 stands in 5 of 80 rows" in note
    assert "missing=-999" in note
    assert notes([*SIZES[:79], "-999"]) == ()  # one such number is an outlier, no mark
    assert notes(["0"] * 40 + SIZES[:40]) == ()


def test_units_are_not_mixed():
    data = table(price=["$5", "$1,250.50", "0", "€7"])
    with pytest.raises(UsageError, match=r"t.csv line 2: '\$5'.*another unit than '€7' in line 5"):
        fit(data)


def test_columns_decide_for_each_other_what_a_comma_means():
    data = table(a=["1,234", "5,678"] * 5, b=["1,5", "20,25"] * 5)
    assert [column.decimal for column in fit(data)[0]] == [",", ","]
    assert encode(data, fit(data)[0])[:, 0].unique().shape == (2,)
    data = table(a=["1,234", "5,678"] * 5, b=["1.5", "20.25"] * 5)
    assert [column.decimal for column in fit(data)[0]] == [".", "."]
    found = fit_columns(data, ["a"], torch.arange(10))
    assert found.used[0].mean == 3456
    assert found.notes == ("a: '1,234' is read as 1234; decimal=, reads it otherwise",)
    said = fit_columns(data, ["a"], torch.arange(10), decimal=",")
    assert said.used[0].mean == pytest.approx(3.456)


def test_leading_zeros_make_codes():
    (column,), _ = fit(table(area=["01", "02", "10"] * 5))
    assert column.categories == ("01", "02", "10")


def test_dates_become_year_month_weekday_and_days():
    cells = ["25.06.2023", "01.07.2023", "31.12.2024", ""] * 5
    (column,), _ = fit(table(day=cells))
    assert (column.dates, column.clock, column.indicator) == ("dmy", False, True)
    features = encode(table(day=cells), [column])
    assert features.shape == (20, 22)
    june = features[0]
    assert june[2:14].tolist() == [float(month == 6) for month in range(1, 13)]
    assert june[14:21].tolist() == [0, 0, 0, 0, 0, 0, 1]  # a Sunday
    assert features[1, 0] - features[0, 0] == pytest.approx(6 / column.std, rel=1e-4)
    assert features[2, 1] - features[0, 1] == pytest.approx(1.0, rel=0.1)
    assert features[3].tolist() == [0] * 21 + [1]


def test_dates_with_times_keep_the_hour():
    cells = [f"2023-06-25 {hour:02d}:30" for hour in range(20)]
    (column,), _ = fit(table(at=cells))
    features = encode(table(at=cells), [column])
    assert column.clock
    assert features.shape == (20, 22)
    torch.testing.assert_close(features[:, 21].diff(), torch.full((19,), 1 / 7))


def test_dates_that_could_be_read_either_way_are_told():
    data = table(day=["03/04/2023", "05/06/2023", "07/08/2023"] * 4)
    found = fit_columns(data, data.header, torch.arange(12))
    assert found.used[0].dates == "mdy"
    assert "read with the month first" in found.notes[0]
    clear = table(day=["03/04/2023", "25/06/2023"] * 5)
    assert fit_columns(clear, clear.header, torch.arange(10)).notes == ()
    assert fit(clear)[0][0].dates == "dmy"


def test_a_cell_that_is_no_date_is_named():
    cells = ["2023-06-25"] * 10 + ["2023-06-26"] * 9 + ["soon"]
    with pytest.raises(UsageError, match=r"t.csv line 21: 'soon' in the column of dates 'day'"):
        fit(table(day=cells))


def test_what_the_model_does_not_know_is_named():
    data = table(town=["Rome", "Rom", "12", "", "Bern"])
    column = Column("town", categories=("Bern", "Rome"))
    (line,) = unknown(data, [column])
    assert line.startswith("t.csv: 'town' has 'Rom', '12' in 2 rows")
    assert "is 'Rome' meant?" in line
    assert unknown(table(town=["Rome", ""]), [column]) == []
