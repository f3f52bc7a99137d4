"""`cartograd claim`: a list, a run, and what a mistake says."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

import cartograd as cg
from cartograd.apps.report.claim import picture
from cartograd.evidence import lab
from cartograd.evidence.claim import Curve, claims, find, statements, stored
from cartograd.evidence.claims import gelu_approx
from cartograd.evidence.design import history
from cartograd.evidence.experiment import run
from tools.claims import page
from tools.source import ROOT


@pytest.mark.chart
def test_a_claim_is_run_and_leaves_its_figures_and_picture(cli_run, tmp_path):
    done = cli_run("claim", "gelu-approx", "--lang", "zh")
    assert done.code == 0
    assert "成立" in done.out
    assert "tanh 近似 GELU" in done.out
    assert "0.0004732" in done.out
    folder = tmp_path / "claims/gelu-approx"
    record = json.loads((folder / "result.json").read_text())
    assert record["verdict"] == "holds"
    assert record["claim"]["rule"] == ["every gap < 1e-3"]
    assert record["versions"]["torch"]
    ET.fromstring((folder / "picture.svg").read_text())


def test_json_is_one_object_and_running_again_replaces(cli_run):
    for _ in range(2):
        found = cli_run("claim", "gelu_approx", "--json").json
    assert found["folder"] == "claims/gelu-approx"
    assert found["findings"][0]["state"] == "holds"


def test_seeds_are_chosen(cli_run):
    found = cli_run("claim", "softmax-ce-gradient", "--seeds", 3, "--json").json
    assert found["seeds"] == [0, 1, 2]
    assert cli_run("claim", "softmax-ce-gradient", "--seed", 7, "--json").json["seeds"] == [7]


def test_the_list_has_every_claim_and_the_kept_verdicts(cli_run):
    table = cli_run("claim", "--lang", "en").out
    assert all(name in table for name in claims())
    assert "of the map's 84 statements" in table
    assert "no experiment yet" in table
    assert "tanh 近似 GELU" in cli_run("claim", "--lang", "zh").out
    found = cli_run("claim", "--json").json
    assert [one["id"] for one in found] == list(statements())
    listed = cg.claims()
    kept = json.loads(json.dumps([one.to_json() for one in listed]))
    assert [one for one in found if "rule" in one] == kept
    for one in listed:
        assert one.result == stored(one.claim.id)
        assert one.finding is None or one.finding in one.result["findings"]
    assert next(x for x in found if x["id"] == "gelu-approx")["result"]["verdict"] == "holds"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gelu-aprox"], "unknown claim 'gelu-aprox'; did you mean 'gelu-approx'?"),
        (["gelu-approx", "--seeds", "3", "--seed", "1"], "give one of them"),
        (["softmax-ce-gradient", "--seeds", "0"], "expected at least 1"),
        (["softmax-ce-gradient", "--seed", "-1"], "expected at least 0"),
        (["gelu-approx", "--folder", "."], "holds something else"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(cli_run, tmp_path, words, message):
    done = cli_run("claim", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.chart
def test_a_picture_of_figures_has_a_row_for_each():
    claim = replace(
        find("gelu-approx"),
        exact=False,
        rule=("ratio a/b > 1", "mean c < 3"),
        draw=(),
        scale="x",
        seeds=4,
    )
    outcome = run(claim, measure=lambda seed: {"a/b": 2.0 + seed, "c": 1.0 + seed / 10})
    text = picture(outcome)
    ET.fromstring(text)
    assert "a/b" in text
    assert f"verdict: {outcome.verdict}" in text


@pytest.mark.chart
def test_a_picture_of_curves_survives_what_is_not_finite():
    claim = replace(find("gelu-approx"), exact=False, draw=(), scale="xy", rule=("mean a > 0",))
    nan = float("nan")
    outcome = run(claim, measure=lambda seed: {"a": 1.0, "loss": Curve([1, 2, 3], [1.0, nan, 2.0])})
    ET.fromstring(picture(outcome))


def test_data_that_were_not_fetched_are_named(cli_run, tmp_path, monkeypatch):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))
    lab.dataset.cache_clear()
    done = cli_run("claim", "focal-imbalance")
    assert (done.code, done.out) == (2, "")
    assert "cartograd data get fashion-mnist" in done.err
    assert not (tmp_path / "claims").exists()


def test_ctrl_c_writes_nothing(cli_run, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(gelu_approx, "measure", stopped)
    assert cli_run("claim", "gelu-approx").code == 130
    assert not list(tmp_path.iterdir())


def test_the_page_has_every_claim_with_its_verdict_and_history():
    text = page()
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    assert list(sections) == list(claims())
    for name, section in sections.items():
        kept = stored(name)
        verdict = "Not run yet" if kept is None else kept["verdict"].capitalize()
        assert f"**{verdict}.**" in section
        assert ("`cartograd claim " in section) == (kept is not None)
        told = [event for event in history(name) if event.design]
        assert all(f"`{event.design}`" in section for event in told)
        assert section.count("\n- 20") == len(history(name))
    assert text.count("no experiment yet") == len(statements()) - len(claims())
    assert "Its rule was fixed" not in text
    assert (ROOT / "docs/results/claims.md").read_text(encoding="utf-8") == text
