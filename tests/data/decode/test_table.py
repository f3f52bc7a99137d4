"""Delimited files: what is well formed is read, what is not is named by its line."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartograd.core.errors import UsageError
from cartograd.data.decode.numeric import missing
from cartograd.data.decode.table import parse_table, sniff
from cartograd.data.decode.table_files import read_table

CELLS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=8
).map(str.strip)


def parse(text, **args):
    return parse_table(text, source="t.csv", **args)


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)
def test_what_a_csv_writer_writes_is_read_back(rows, delimiter):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([["a", "b", "c"], *rows])
    table = parse(out.getvalue(), delimiter=delimiter)
    assert table.header == ("a", "b", "c")
    assert table.rows == rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    rows = [["name", "note", "price"], ["Ann", "x; y, z | w", "1,5"], ["Bob", "", "2,5"]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows * 3)
    assert sniff(out.getvalue()) == delimiter


def test_byte_order_mark_quotes_blank_lines_and_names(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_bytes('﻿id, age ,"a, b"\r\n1, 30 ,"x\ny"\r\n\r\n2,,z\r\n'.encode())
    table = read_table(path)
    assert table.header == ("id", "age", "a, b")
    assert table.rows == [["1", "30", "x\ny"], ["2", "", "z"]]
    assert table.where(1) == f"{path} line 5"


def test_tab_has_a_name_that_fits_in_a_spec():
    assert parse("a\tb\n1\t2", delimiter="tab").rows == [["1", "2"]]


def test_without_header():
    table = parse("1,2\n3,4", header=False)
    assert table.header == ("column1", "column2")
    assert len(table) == 2


def test_unnamed_columns_are_known():
    assert parse(",a,Unnamed: 2\n0,1,2").unnamed == ("column1", "Unnamed: 2")


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "NaN", "null", "None", "?"])
def test_missing(cell):
    assert missing(cell)
    assert not missing(cell + "x")


@pytest.mark.parametrize(
    ("text", "args", "message"),
    [
        ("", {}, "t.csv is empty"),
        ("\n \n", {}, "t.csv is empty"),
        ("a,b,a\n1,2,3", {}, "the column 'a' is there twice"),
        ("a,b\n1,2\n3,4,5\n", {}, "t.csv line 3 has 3 cells; expected 2"),
        ("a,b\n1,2\n3\n", {}, "t.csv line 3 has 1 cells; expected 2"),
        ('a,b\n1,"2"x\n', {}, "t.csv line 2"),
        ('a,b\n1,"2\n', {}, "t.csv line 2"),
        ("a,b\n1,2", {"delimiter": ";;"}, "not a single character"),
    ],
)
def test_mistakes_are_named(text, args, message):
    with pytest.raises(UsageError, match=message):
        parse(text, **args)


def test_unknown_column_shows_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'income'"):
        parse("income,age\n1,2").column("incme")


def test_a_title_above_the_names_is_left_out_and_noted():
    table = parse("Report of the plant;;\n\nsize;town;class\n24.1;Rome;high\n5;Bern;low\n")
    assert table.header == ("size", "town", "class")
    assert table.lines == [4, 5]
    assert table.notes == ("the title 'Report of the plant' above the names is left out",)
    corner = parse("Report,,,2024-03-01\n\nsize,rate,town,class\n1,2,Rome,high\n3,4,Bern,low\n")
    assert corner.header == ("size", "rate", "town", "class")
    assert corner.notes == ("the title 'Report 2024-03-01' above the names is left out",)
    assert parse("a,b,,\nx,y,z,w\nx,y,z,w\n").header == ("a", "b", "column3", "column4")
    assert parse("Report, of 2024\n\na;b\n1;2\n3;4").header == ("a", "b")
    assert parse(",a\n0,1\n1,2").header == ("column1", "a")  # row numbers are no title
    assert parse("a,b\n1,\n2,").header == ("a", "b")


def test_what_a_spreadsheet_writes_around_the_rows():
    assert parse("sep=;\na;b\n1,5;2\n").rows == [["1,5", "2"]]
    assert parse("sep=\t\na\tb\n1\t2\n").header == ("a", "b")
    table = parse("a;b\n1;2;\n3;4;\n")
    assert table.rows == [["1", "2"], ["3", "4"]]
    assert table.notes == ("the empty cell behind each row is left out",)
