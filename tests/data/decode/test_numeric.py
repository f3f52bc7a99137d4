"""Numbers as people write them, in both styles; and what is no number in either."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartograd.data.decode.numeric import codes, decimals, missing, number


@pytest.mark.parametrize(
    ("cell", "point", "comma"),
    [
        ("12", 12, 12),
        ("-0.5", -0.5, None),
        (".5", 0.5, None),
        ("1e3", 1000, 1000),
        ("24,11", None, 24.11),
        ("1,234", 1234, 1.234),
        ("1.234", 1.234, 1234),
        ("1,234,567.89", 1234567.89, None),
        ("1.234.567,89", None, 1234567.89),
        ("1'234.5", 1234.5, None),
        ("1 234,5", None, 1234.5),
        ("1\u202f234", 1234, 1234),
        ("$1,593.76", 1593.76, None),
        ("-$5.00", -5, None),
        ("$-5", -5, -5),
        ("(1,250.50)", -1250.5, None),
        ("12.0%", 12, None),
        ("12,5 %", None, 12.5),
        ("1.250,00 €", None, 1250),
        ("EUR 7", 7, 7),
        ("\u22123", -3, -3),
        ("0.694", 0.694, None),
        ("1,23,456", None, None),
        ("12,34,567", None, None),
        ("1_000", None, None),
        ("inf", None, None),
        ("nan", None, None),
        ("1e999", None, None),
        ("$5€", None, None),
        ("(5", None, None),
        ("5)", None, None),
        ("", None, None),
        ("%", None, None),
        ("1.2.3", None, None),
        ("two", None, None),
    ],
)
def test_a_cell_in_both_styles(cell, point, comma):
    for decimal, expected in ((".", point), (",", comma)):
        found = number(cell, decimal)
        if expected is None:
            assert found is None
        else:
            assert found is not None
            assert found[0] == pytest.approx(expected, rel=1e-12)


@given(st.floats(min_value=-1e12, max_value=1e12, allow_nan=False).map(lambda x: round(x, 2)))
def test_what_is_written_in_a_style_is_read_back(value):
    text = f"{value:,.2f}"
    turned = text.translate(str.maketrans(",.", ".,"))
    assert number(text, ".") == (value, "")
    assert number(turned, ",") == (value, "")
    assert number(f"{text} €", ".") == (value, "€")


@pytest.mark.parametrize(
    ("cells", "styles"),
    [
        (["1", "2"], "."),
        (["1.5", "2"], "."),
        (["1,5", "2"], ","),
        (["1,234", "5,678"], ".,"),
        (["1.234", "5.678"], ".,"),
        (["1.234", "0.678"], "."),
        (["1,234", "5,678", "1,2"], ","),
        (["1,234", "5,678", "1,234.5"], "."),
        (["a", "b"], ""),
        (["1"] * 9 + ["x"], "."),
        (["1"] * 8 + ["x"], ""),
        ([], ""),
    ],
)
def test_the_style_of_a_column(cells, styles):
    assert decimals(cells) == styles


def test_codes_have_one_length_and_a_leading_zero():
    assert codes(["01", "10"])
    assert not codes(["1", "10"])
    assert not codes(["0", "1"])
    assert not codes(["0.1", "0.2"])


def test_marks_stand_for_all_spellings_of_a_number():
    assert missing("-999.0", ("-999",))
    assert not missing("999", ("-999",))
    assert missing("unknown", ("unknown",))
    assert not missing("unknown")
