"""Tables in JSON lines, and which columns hold texts."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.decode.json_lines import parse_json_lines
from cartograd.data.decode.prose import is_prose, prose_columns
from cartograd.data.decode.table import Table
from cartograd.data.decode.table_files import read_table


def test_each_line_is_a_row(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text(
        '{"text": "a\\nb", "ok": true, "n": 1.5}\r\n\n{"text": "\u2028c", "tags": [1]}\n'
    )
    table = read_table(path)
    assert table.header == ("text", "ok", "n", "tags")
    assert table.rows == [["a\nb", "true", "1.5", ""], ["c", "", "", "[1]"]]
    assert table.lines == [1, 3]
    assert table.notes == ("tags: lists and objects in it are read as they are written",)


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"a": 1}\n{"a": ', "x line 2 is no JSON"), ('{"a": 1}\n[1]', "line 2 holds a list")],
)
def test_a_damaged_line_is_named(text, message):
    with pytest.raises(UsageError, match=message):
        parse_json_lines(text, source="x")


def test_texts_have_words_and_seldom_come_twice():
    assert is_prose([f"I liked number {i}" for i in range(9)] + [""])
    assert is_prose([f"这部电影很好看{i}" for i in range(9)])
    assert not is_prose(["in the north of it", "in the south of it"] * 9)
    assert not is_prose([f"a1b2-{i}" for i in range(9)])
    rows = [[f"fine film {i}", f"id {i}", f"it was a fine film, {i}"] for i in range(9)]
    table = Table("x", ("title", "id", "review"), rows, list(range(9)))
    assert prose_columns(table, table.header) == ["review", "title"]
