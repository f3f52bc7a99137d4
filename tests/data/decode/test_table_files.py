"""Files that hold tables: what they are, their first bytes say; what they are not, an error."""

import datetime
import gzip
import io

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.decode.table_files import read_table

TEXT = "größe;stadt;klasse\n24.1;Köln;hoch\n5.1;Zürich;tief\n"
HEADER = ("größe", "stadt", "klasse")
ROWS = [["24.1", "Köln", "hoch"], ["5.1", "Zürich", "tief"]]


@pytest.fixture
def write(tmp_path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_says_by_its_mark_how_it_is_encoded(write, encoding):
    table = read_table(write(TEXT.encode(encoding)))
    assert (table.header, table.rows) == (HEADER, ROWS)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le"])
def test_another_encoding_has_to_be_said(write, encoding):
    path = write(TEXT.encode(encoding))
    with pytest.raises(UsageError, match=r"give encoding=.*reads 'größe;stadt;klasse'"):
        read_table(path)
    table = read_table(path, encoding=encoding)
    assert (table.header, table.rows) == (HEADER, ROWS)


@pytest.mark.parametrize("encoding", ["utf-16-le", "gb18030"])
def test_the_line_that_is_shown_is_whole_wherever_it_stands(write, encoding):
    """Not cut in the middle of a character, nor looked for only in the beginning of the file."""
    long = "a;b\n" + "1;2\n" * 300_000 + "größe;高\n"
    with pytest.raises(UsageError, match=f"give.* encoding={encoding} .reads 'größe;高'"):
        read_table(write(long.encode(encoding)))


def test_chinese_text_in_its_old_encoding(write):
    path = write("尺寸,城市,类别\n24.1,上海,高\n".encode("gbk"))
    with pytest.raises(UsageError, match=r"give encoding=gb18030 \(reads '尺寸,城市,类别'"):
        read_table(path)
    assert read_table(path, encoding="gb18030").rows == [["24.1", "上海", "高"]]


def test_gzip_by_its_first_bytes(write):
    assert read_table(write(gzip.compress(TEXT.encode()))).rows == ROWS
    with pytest.raises(UsageError, match="is a damaged gzip file"):
        read_table(write(gzip.compress(TEXT.encode())[:-9]))


def test_a_workbook_gives_its_first_sheet_that_is_not_empty(write):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Orders")
    for row in (
        ["day", "at", "count", "share", None, "town"],
        [datetime.date(2023, 6, 25), datetime.datetime(2023, 6, 25, 23, 17), 3, 0.25, None, "Köln"],
        [None, None, None, None, None, None],
        [datetime.date(2023, 7, 1), None, 4.0, None, None, "Graz"],
    ):
        sheet.append(row)
    book.create_sheet("Notes").append(["see", "also"])
    held = io.BytesIO()
    book.save(held)
    path = write(held.getvalue(), "orders.xlsx")
    table = read_table(path)
    assert table.header == ("day", "at", "count", "share", "column5", "town")
    assert table.rows == [
        ["2023-06-25 00:00:00", "2023-06-25 23:17:00", "3", "0.25", "", "Köln"],
        ["2023-07-01 00:00:00", "", "4", "", "", "Graz"],
    ]
    assert table.where(1) == f"{path} row 4"
    assert table.notes == ("sheet 'Orders' of 3",)
    assert read_table(path, sheet="Notes").header == ("see", "also")
    with pytest.raises(UsageError, match="no sheet 'Sales'; expected one of Sheet, Orders, Notes"):
        read_table(path, sheet="Sales")


def test_parquet(write):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    held = io.BytesIO()
    frame = pyarrow.table({"x": [1.5, None], "town": ["Köln", "Graz"], "ok": [True, False]})
    parquet.write_table(frame, held)
    table = read_table(write(held.getvalue(), "t.parquet"))
    assert table.header == ("x", "town", "ok")
    assert table.rows == [["1.5", "Köln", "True"], ["", "Graz", "False"]]


@pytest.mark.parametrize(
    ("content", "args", "message"),
    [
        (b"PK\x03\x04" + b"x" * 90, {}, "no Excel workbook that can be read"),
        (b"PAR1" + b"x" * 90 + b"PAR1", {}, "no Parquet file that can be read"),
        (b"\x00\x01\x02\x03" * 20, {}, "no text: it holds zero bytes"),
        (b"a,b\n1,2\n", {"sheet": "Orders"}, "sheet= is for Excel workbooks"),
        (b"PAR1", {"encoding": "cp1252"}, "encoding= is for text"),
        (b"a,b\n1,2\n", {"encoding": "cp0"}, "encoding='cp0' is not known"),
        (b"", {}, "is empty"),
    ],
)
def test_mistakes_are_named(write, content, args, message):
    with pytest.raises(UsageError, match=message):
        read_table(write(content), **args)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none.csv: No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="cannot read"):
        read_table(tmp_path)
