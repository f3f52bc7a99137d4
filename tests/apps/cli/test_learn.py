"""The map by whatever names, and its pages one after the other."""

import pytest

from acceptance import report
from cartograd.apps.cli import application, lookups, shown
from cartograd.core import concepts
from cartograd.core.sought import Found
from cartograd.evidence.rows import FILE
from cartograd.evidence.rows import rows as rows_kept


@pytest.fixture
def paged(monkeypatch, tmp_path, cli_run):
    """Runs a command line whose bookmark is in a folder of its own."""
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))
    return cli_run


def test_pages_come_in_the_order_of_the_notes(paged):
    pages = [one["section"] for one in paged("learn", "--json").json["pages"]]
    assert set(pages) == set(concepts.sections())
    assert pages.index("000") < pages.index("001") < pages.index("1.1") < pages.index("6.6")
    assert paged("learn", "003", "--json").json["section"] == "1.1"
    seen = [paged("learn", "next", "--json").json["section"] for _ in range(3)]
    assert seen == ["1.2", "1.3", "2.1"]
    assert "here" in paged("learn").out
    assert paged("learn", "6.6", "--json").json["next"] is None
    assert paged("learn", "next").code == 2
    assert "the last page" in paged("learn", "6.6").out


def test_a_page_tells_what_the_notes_say_what_runs_and_what_was_measured(paged):
    found = paged("learn", "一.2", "--json").json
    assert found["heading"] == "003 一.2"
    place = next(one for one in found["places"] if one["id"] == "activation/leaky-relu")
    claim = next(one for one in place["claims"] if one["id"] == "relu-dies")
    assert claim["zh"].startswith("ReLU")
    assert claim["verdict"] in ("holds", "does not hold", "contested", "undecided")
    assert claim["low"] <= claim["figure"] <= claim["high"]
    text = paged("learn", "一.2", "--lang", "en").out
    assert f"{claim['en']}: {claim['verdict']} (" in text
    assert "cartograd claim relu-dies" in text
    assert "next  cartograd learn next  (003 一.3 Weight initialisation)" in text
    rows = [row for one in paged("learn", "000.3", "--json").json["places"] for row in one["rows"]]
    assert "lenet5-digits" in rows
    row = rows_kept()["lenet5-digits"]
    text = paged("learn", "000.3", "--lang", "en").out
    told = f"{row.claim}: {row.measured}; asked for {row.asked}: passed (lenet5-digits)"
    assert "".join(told.split()) in "".join(text.split())
    assert "激活函数" in paged("learn", "1.2", "--lang", "zh").out


def test_the_rows_are_those_of_the_acceptance_runs():
    """After a run they are written by `python -m acceptance --pages`."""
    lines = [report.row(name, one) for name, one in report.known(report.PAGES).items()]
    assert [row.line() for row in lines] == FILE.read_text(encoding="utf-8").splitlines()
    assert {row.name for row in lines} == set(rows_kept())


def test_a_home_that_cannot_be_written_is_no_reason_to_stop(paged, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "file"))
    done = paged("learn", "1.1")
    assert (done.code, done.err) == (0, "")
    assert "next  cartograd learn 1.2" in done.out
    assert paged("learn", "next", "--json").json["section"] == "000"


@pytest.mark.parametrize(
    ("words", "title"),
    [
        (("ReLU",), "(activation)"),
        (("Batch", "Norm"), "(normalisation)"),
        (("backprop",), "autodiff"),
        (("反向传播",), "autodiff"),
        (("自动求导/反向传播",), "autodiff"),
        (("DDPM",), "(model)"),
        (("activation/relu",), "003 一.2, activation/relu"),
        (("003", "一.3"), "init/xavier"),
        (("卷积神经网络",), "arch/lenet5"),
    ],
)
def test_show_finds_what_is_meant(cli_run, words, title):
    done = cli_run("show", *words, "--lang", "en")
    assert done.code == 0, done.err
    assert title in done.out


def test_a_place_without_a_method_is_told_as_such(cli_run, monkeypatch):
    bare = concepts.Place("toy/none", "6.6", "无", "Of no method", "it runs")
    monkeypatch.setattr(concepts, "places", lambda: (bare,))
    monkeypatch.setattr(shown, "sought", lambda _: Found(places=(bare,)))
    found = concepts.Coverage({"toy/none": concepts.Standing()})
    monkeypatch.setattr(concepts, "coverage", lambda: found)
    assert "not yet (on the map, not here yet)" in cli_run("show", "none", "--lang", "en").out


def test_list_and_coverage_take_a_part_of_the_map(cli_run):
    section = [one["name"] for one in cli_run("list", "2.2", "--json").json]
    assert {"adam", "cosine"} <= set(section)
    assert "lenet5" not in section
    assert [one["name"] for one in cli_run("list", "注意力机制", "--json").json] == [
        one["name"] for one in cli_run("list", "attention/scaled-dot-product", "--json").json
    ]
    places = cli_run("coverage", "003", "一.2", "--json").json["places"]
    assert {one["section"] for one in places} == {"1.2"}
    (place,) = cli_run("coverage", "lenet5", "--json").json["places"]
    assert (place["id"], place["state"]) == ("arch/lenet5", "holds")
    assert "did you mean" in cli_run("list", "modell").err


def test_every_place_has_a_line_to_try_whose_words_are_known(cli_run, tmp_path):
    run = tmp_path / "RUN" / "bundle"
    run.mkdir(parents=True)
    for name in ("manifest.json", "signature.json"):
        (run / name).write_text("{}")
    places = cli_run("coverage", "--json").json["places"]
    app = application()
    for line in sorted({one["try"] for one in places}):
        program, *words = line.split()
        assert program == "cartograd"
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        lookups.check(bound)
        assert command
    assert len({one["try"] for one in places}) > 100
