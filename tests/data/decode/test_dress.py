"""A later table in another dress is read as it is written, or refused; never cell by cell."""

from dataclasses import replace

import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Column, Port, Signature
from cartograd.data.decode.dress import as_written
from cartograd.data.decode.encode import encode
from cartograd.data.decode.table import Table
from cartograd.data.decode.table_rows import encoded_table, table_rows

POINT = Column("x", None, 1.0, 2.0)
COMMA = Column("x", None, 1.0, 2.0, decimal=",")
PERCENT = Column("x", None, 1.0, 2.0, unit="%")
DAYS = Column("d", None, 19_000.0, 100.0, dates="ymd")


def table(name, *cells):
    return Table("new.csv", (name,), [[cell] for cell in cells], list(range(2, 2 + len(cells))))


def read(column, *cells):
    new, told = table(column.name, *cells), []
    port = Port("row", "table", (column.width,), columns=(column,))
    return encoded_table(port, new, told), told


@pytest.mark.parametrize(
    ("column", "cells", "plain", "told"),
    [
        (POINT, ("0,942", "-1,234", "7"), ("0.942", "-1.234", "7"), "has decimal marks ','"),
        (COMMA, ("0.942", "-1.234", "7"), ("0,942", "-1,234", "7"), "has decimal marks '.'"),
        (POINT, ("1,234.5", "12"), ("1234.5", "12"), ""),
        (POINT, ("12", "-3"), ("12", "-3"), ""),
        (COMMA, ("12", "-3"), ("12", "-3"), ""),
        (POINT, ("1,234", "2,345"), ("1234", "2345"), "'1,234' is read as 1234, by the decimal"),
        (COMMA, ("1,234", "2,345"), ("1,234", "2,345"), ""),
        (DAYS, ("25.06.2023", "01.07.2023"), ("2023-06-25", "2023-07-01"), "written as dmy"),
        (PERCENT, ("12%", "0"), ("12", "0"), ""),
        (PERCENT, ("0", "0.12"), ("0", "0.12"), "'0.12', and had '%' in the training"),
        (POINT, ("12%",), ("12",), "'12%', and had no unit in the training"),
        (PERCENT, ("12,5%", "0,5%"), ("12.5", "0.5"), "has decimal marks ','"),
        (DAYS, ("2023-06-25", ""), ("2023-06-25", ""), ""),
    ],
)
def test_as_written(column, cells, plain, told):
    found, lines = read(column, *cells)
    assert torch.equal(found, encode(table(column.name, *plain), [column]))
    assert (told in " ".join(lines)) if told else not lines


def test_what_is_no_number_in_either_dress_is_refused():
    with pytest.raises(UsageError, match=r"line 3: '0,942' in the numeric column 'x' is not a fin"):
        read(POINT, "0.5", "0,942", "0.25")
    with pytest.raises(UsageError, match=r"line 2: '13.13.2023' in the column of dates 'd'"):
        read(DAYS, "13.13.2023")


def test_another_unit_is_refused():
    with pytest.raises(UsageError, match=r"'\$12' in the column 'x' has another unit than '%'"):
        read(PERCENT, "0", "$12")


def test_a_typed_number_is_of_the_training():
    for column in (PERCENT, COMMA, replace(COMMA, unit="usd")):
        told = []
        port = Port("row", "table", (1,), columns=(column,))
        found = table_rows(port, [{"x": 12.5}, {"x": 3}, {"x": 1234567.125}, {"x": None}], told)
        assert found[:, 0].tolist() == [5.75, 1.0, 617283.0625, 0.0]
        assert not told


def test_the_unit_of_the_training_is_kept(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("x,y\n" + "\n".join(f"{n}.5%,{'ab'[n % 2]}" for n in range(40)))
    (column,) = cg.dataset(f"csv:{file},target=y").signature.input.columns
    assert column.unit == "%"
    assert Signature.from_json(cg.dataset(f"csv:{file},target=y").signature.to_json()).input.columns


def test_other_columns_stay_as_they_are():
    columns = (POINT, Column("town", ("Ulm", "Bonn")), DAYS)
    new = Table("new.csv", ("town", "x"), [["0,5", "0.5"]], [2])
    assert as_written(new, columns) == (columns, [])
