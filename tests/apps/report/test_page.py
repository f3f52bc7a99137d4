import re

import pytest
from markupsafe import Markup

from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section
from cartograd.apps.report.provenance import provenance
from cartograd.core.errors import UsageError


def section(name: str) -> Section:
    return Section(name, name.title(), "Read it so.", Markup("<p>body</p>"))


def test_a_report_holds_its_sections_in_order_and_links_to_them(tmp_path, page):
    path = write_report(
        tmp_path / "report.html",
        [section("one"), None, section("two"), section("three")],
        title="LeNet-5 on digits",
        figures=[Figure("Accuracy", "98 %", "97 to 99 %")],
    )
    found = page(path)
    ids = [attributes["id"] for attributes in found.all("section")]
    assert ids == ["one", "two", "three"]
    assert [link["href"] for link in found.all("a")] == ["#one", "#two", "#three"]
    assert "98 %" in found.words


def test_a_report_needs_nothing_but_itself(tmp_path, page):
    path = write_report(tmp_path / "report.html", [provenance()], title="x")
    found = page(path)
    assert not found.all("script")
    assert not found.all("link")
    without_namespace = found.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"""(src|href|url\()\W*(https?:)?//""", without_namespace)
    assert "@import" not in found.text


def test_what_the_user_named_is_escaped(tmp_path, page):
    sections = [provenance({"data": "<script>alert(1)</script>"})]
    path = write_report(
        tmp_path / "report.html", sections, title="a < b & c", summary='"quoted" <i>'
    )
    assert not page(path).all("script")
    assert not page(path).all("i")


def test_it_is_light_and_dark(tmp_path):
    text = write_report(tmp_path / "report.html", [section("one")], title="x").read_text()
    assert "prefers-color-scheme:dark" in text
    assert "color-scheme:light dark" in text


def test_a_report_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write_report(tmp_path / "file" / "report.html", [], title="x")


def test_an_older_report_is_replaced(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("an older one")
    write_report(path, [section("one")], title="new")
    assert "an older one" not in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_the_lines_in_the_corner_are_the_models(tmp_path):
    def drawn(seal: str) -> str:
        path = write_report(tmp_path / "report.html", [], title="x", seal=seal)
        return path.read_text().partition("<h1>")[0]

    assert drawn("a digest") == drawn("a digest")
    assert drawn("a digest") != drawn("another digest")
