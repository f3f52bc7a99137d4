"""Tables from files: the target is understood, rows keep their split, mistakes are named."""

import random

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.decode.read import read
from cartograd.data.sources.csv import csv


@pytest.fixture
def write(tmp_path):
    def write(rows, header="age,town,income", name="people.csv"):
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


def people(count=100):
    towns = ("Rome", "Oslo", "Bern")
    return [
        f"{20 + i % 50 + i / 1000:.3f},{towns[i % 3]},{('low', 'high')[i // 3 % 2]}"
        for i in range(count)
    ]


def rows_of(path, part):
    lines = path.read_text().splitlines()
    return {lines[int(name.removeprefix("line ")) - 1] for name in part.names}


def test_classes_columns_and_sizes(write):
    data = csv(write(people()), target="income")
    assert data.signature.output.labels == ("high", "low")
    assert [column.name for column in data.signature.input.columns] == ["age", "town"]
    assert data.signature.sizes() == {"classes": 2, "features": 4}
    assert len(data.train) + len(data.valid) + len(data.test) == 100
    assert data.train.inputs[:, 0].mean().abs() < 1e-4


@pytest.mark.law("csv")
def test_rows_keep_their_split(write):
    few = csv(write(people(400)), target="income")
    rows = people(800)
    random.Random(0).shuffle(rows)
    path = write(rows, name="more.csv")
    more = csv(path, target="income")
    first = write(people(400))
    for part in ("train", "valid", "test"):
        assert rows_of(first, getattr(few, part)) <= rows_of(path, getattr(more, part))


def test_equal_rows_are_in_one_split(write):
    path = write(people(40) * 3)
    data = csv(path, target="income")
    parts = [rows_of(path, part) for part in (data.train, data.valid, data.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


@pytest.mark.parametrize(
    ("cells", "args", "kind", "labels"),
    [
        (["yes", "no"], {}, "label", ("no", "yes")),
        (["10", "9", "1"], {}, "label", ("1", "9", "10")),
        (["1", "2.5"], {}, "value", ()),
        ([str(i) for i in range(21)], {}, "value", ()),
        ([str(i) for i in range(21)], {"task": "classify"}, "label", None),
        (["1", "2"], {"task": "regress"}, "value", ()),
    ],
)
def test_the_target_is_understood(write, cells, args, kind, labels):
    rows = [f"{i / 7},{cells[i % len(cells)]}" for i in range(84)]
    output = csv(write(rows, "x,y"), target="y", **args).signature.output
    assert output.kind == kind
    if labels is not None:
        assert output.labels == labels


def test_values_are_standardised_by_the_training_rows(write):
    data = csv(write([f"{i / 7},{i * 2.5}" for i in range(80)], "x,y"), target="y")
    assert data.signature.output.mean == pytest.approx((data.train.targets.mean().item(),))
    assert data.signature.output.std == pytest.approx(
        (data.train.targets.std(correction=0).item(),), rel=1e-5
    )


def test_spec_with_options(write):
    path = write([row.replace(",", ";") for row in people()], header="age;town;income")
    data = build(f'csv:{path},target=income,ignore=age,categorical=[town],delimiter=";"')()
    assert [column.name for column in data.signature.input.columns] == ["town"]
    assert data.about["source"] == str(path)


def test_what_was_left_out_is_told(write):
    rows = [f"{i},id-{i},{row}" for i, row in enumerate(people())]
    data = csv(write(rows, ",key,age,town,income"), target="income")
    assert data.about["left out"] == {
        "column1": "no name in the header",
        "key": "text that never repeats",
    }


def test_prediction_encodes_rows_as_training_did(write):
    path = write(people())
    data = csv(path, target="income")
    line = int(data.test.names[0].removeprefix("line "))
    age, town, _ = path.read_text().splitlines()[line - 1].split(",")
    row = read(data.signature.input, {"age": float(age), "town": town})
    assert torch.equal(row[0], data.test.inputs[0])
    assert torch.equal(data.decode(path)[line - 2], data.test.inputs[0])


@pytest.mark.parametrize(
    ("rows", "header", "args", "message"),
    [
        (people(), "age,town,income", {"target": "incme"}, "did you mean 'income'"),
        (people(), "age,town,income", {"target": "income", "ignore": "ag"}, "did you mean 'age'"),
        (people(), "age,town,age", {"target": "town"}, "the column 'age' is there twice"),
        (people(9), "age,town,income", {"target": "income"}, "too few rows: 9"),
        ([], "age,town,income", {"target": "income"}, "too few rows: 0"),
        (["1,x,low"] * 20, "age,town,income", {"target": "income"}, "every 'income' is 'low'"),
        ([*people(), "31,Rome,"], "age,town,income", {"target": "income"}, "line 102: the target"),
        ([*people(), "old,Rome,low"], "age,town,income", {"target": "income"}, "line 102: 'old'"),
        ([*people(), "31,Rome"], "age,town,income", {"target": "income"}, "line 102 has 2 cells"),
        ([str(i) for i in range(20)], "y", {"target": "y"}, "no column to learn from"),
        (
            [f"{i},{i}" for i in range(40)],
            "x,y",
            {"target": "y", "task": "classify"},
            "40 different values in 40 rows",
        ),
        (
            [*(f"{i},{i / 3}" for i in range(40)), "3,x"],
            "x,y",
            {"target": "y"},
            "line 42: 'x' in the numeric column 'y'.*task=classify",
        ),
        (["1,2"] * 20, "3,4", {"target": "y"}, "give header=false"),
    ],
)
def test_mistakes_are_named(write, rows, header, args, message):
    with pytest.raises(UsageError, match=message):
        csv(write(rows, header), **args)


def test_what_was_decided_is_said_in_lines(write):
    rows = [f"{i},id-{i},{row},25.06.20{10 + i % 9}" for i, row in enumerate(people())]
    data = csv(write(rows, ",key,age,town,income,day"), target="income")
    assert data.decided[:6] == (
        "target income: 2 classes (high 49, low 51)",
        "columns of numbers: age",
        "columns of categories: town (3)",
        "columns of dates (year, month, weekday, days): day",
        "left out, text that never repeats: key",
        "left out, no name in the header: column1",
    )


def test_both_dresses_give_the_same_data(write):
    point = [f"{i / 7:.2f};{i % 13 * 1000.5:,.1f};{i * 2.5:.1f}" for i in range(80)]
    comma = [row.translate(str.maketrans(",.", ".,")) for row in point]
    first = csv(write(point, "x;z;y", name="point.csv"), target="y")
    second = csv(write(comma, "x;z;y", name="comma.csv"), target="y")
    rows = [{"x": 1.5, "z": 2000.25}, {"x": None, "z": 3}]
    for data in (first, second):
        x, z = data.signature.input.columns
        row = data.decode(rows)
        assert row[0].tolist() == pytest.approx(
            [(1.5 - x.mean) / x.std, (2000.25 - z.mean) / z.std], rel=1e-5
        )


def test_missing_file_and_unknown_option(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none.csv"):
        build(f"csv:{tmp_path}/none.csv,target=y")()
    with pytest.raises(UsageError, match="did you mean 'delimiter'"):
        build("csv:people.csv,target=y,delimiters=tab")
    with pytest.raises(UsageError, match="csv needs target"):
        build("csv:people.csv")


def test_a_fetched_table_goes_by_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="cartograd data get lending-club"):
        csv("lending-club", target="Class")
