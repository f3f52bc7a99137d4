"""Acceptance: the page, the exit code, and commands that fail."""

import dataclasses
import json

import pytest

from acceptance import __main__ as command
from acceptance import report
from acceptance.curves import Curves, drawn
from acceptance.front import picture
from acceptance.session import FailedError, Outcome, Session, percent, seeded


def outcome(passed=True):
    return Outcome(
        claim="A claim",
        command="cartograd train lenet5 --set seed=SEED",
        measured=[97.5, 98.25],
        asked="accuracy >= 97 %",
        passed=passed,
        beside={"majority": "10 %"},
        cpu=[3.0, 4.0],
        wall=[2.0, 2.0],
    )


def run(monkeypatch, tmp_path, row):
    monkeypatch.setattr(command, "ROWS", {"demo": row})
    monkeypatch.setattr("sys.argv", ["acceptance", "--out", str(tmp_path)])
    return command.main()


def test_a_row_that_passed_is_published(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, lambda _: outcome()) == 0
    page = (tmp_path / "acceptance.md").read_text()
    assert "97.50, 98.25 %" in page
    assert "- majority: 10 %" in page
    assert "| passed |" in page
    assert "demo: passed" in capsys.readouterr().out


def test_a_row_that_failed_makes_the_exit_code_1_and_says_so(monkeypatch, tmp_path):
    assert run(monkeypatch, tmp_path, lambda _: outcome(passed=False)) == 1
    assert "**failed**" in (tmp_path / "acceptance.md").read_text()


def test_a_command_that_failed_fails_its_row(monkeypatch, tmp_path, capsys):
    def row(session):
        session.run("cartograd show no-such-model --json")

    assert run(monkeypatch, tmp_path, row) == 1
    assert "unknown method" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_rows_of_earlier_runs_are_kept(tmp_path):
    facts = {"versions": {}, "processor": "", "threads": 1, "date": ""}
    report.publish(tmp_path, "first", outcome(), facts)
    report.publish(tmp_path, "second", outcome(), facts)
    assert list(report.known(tmp_path)) == ["first", "second"]


def test_models_that_generate_have_a_page_of_their_own(tmp_path):
    facts = {"versions": {}, "processor": "", "threads": 1, "date": ""}
    for name in ("flow-moons", "lenet5-digits", "diffusion-digits"):
        report.publish(tmp_path, name, outcome(), facts)
    assert list(report.known(tmp_path)) == ["lenet5-digits", "flow-moons", "diffusion-digits"]
    assert "## lenet5-digits" in (tmp_path / "acceptance.md").read_text()
    assert "## flow-moons" not in (tmp_path / "acceptance.md").read_text()
    assert "## flow-moons" in (tmp_path / "generative.md").read_text()


def test_a_command_gives_its_json_and_its_seconds(tmp_path):
    said, cpu, wall = Session(tmp_path).run("cartograd list data --json")
    assert "digits" in json.dumps(said)
    assert cpu > 0
    assert wall > 0
    with pytest.raises(FailedError, match="ended with 2"):
        Session(tmp_path).run("cartograd show nowhere --json")


def test_numbers_for_readers():
    assert percent(0.98765) == 98.77
    assert seeded("--set seed=SEED", 3) == "--set seed=3"


def test_a_front_is_drawn(monkeypatch, tmp_path):
    points = {
        name: {"parameters": size, "operations": size * 1e4, "seconds": size, "accuracy": score}
        for name, size, score in (("small", 10, 80.0), ("bad", 20, 70.0), ("large", 90, 90.0))
    }
    assert run(monkeypatch, tmp_path, lambda _: dataclasses.replace(outcome(), front=points)) == 0
    assert "![accuracy and cost](demo.svg)" in (tmp_path / "acceptance.md").read_text()
    drawn = (tmp_path / "demo.svg").read_text()
    assert drawn.count("million multiply-adds") >= 1
    again = picture(points).decode()
    assert again == drawn


def test_curves_are_drawn_with_their_intervals(monkeypatch, tmp_path):
    panels = {
        task: {"model": [(1, 90.0, 80.0, 95.0), (2, 50.0, 40.0, 60.0), (4, 0.0, 0.0, 10.0)]}
        for task in ("sums", "copies")
    }
    curves = Curves("digits", "right, %", panels, {"sums": 2.0})
    assert run(monkeypatch, tmp_path, lambda _: dataclasses.replace(outcome(), curves=curves)) == 0
    assert "![right, % by digits](demo.svg)" in (tmp_path / "acceptance.md").read_text()
    svg = (tmp_path / "demo.svg").read_text()
    assert svg == drawn(curves).decode()
    assert all(word in svg for word in ("sums", "copies", "digits", "right, %", "model"))
