"""`cartograd claim`: a list, a run, and what a mistake says."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from cartograd.apps.report.claim import picture
from cartograd.evidence.claim import Curve, claims, find
from cartograd.evidence.experiment import run


def test_a_claim_is_run_and_leaves_its_figures_and_picture(cli_run, tmp_path):
    done = cli_run("claim", "gelu-approx", "--lang", "zh")
    assert done.code == 0
    assert "holds" in done.out
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
    assert "of the map's 72 statements" in table
    assert "tanh 近似 GELU" in cli_run("claim", "--lang", "zh").out
    found = cli_run("claim", "--json").json
    assert [one["id"] for one in found] == list(claims())
    assert next(x for x in found if x["id"] == "gelu-approx")["result"]["verdict"] == "holds"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gelu-aprox"], "unknown claim 'gelu-aprox'; did you mean 'gelu-approx'?"),
        (["gelu-approx", "--seeds", "3", "--seed", "1"], "give one of them"),
        (["softmax-ce-gradient", "--seeds", "0"], "at least one"),
        (["softmax-ce-gradient", "--seed", "-1"], "distinct numbers from 0 on"),
        (["gelu-approx", "--folder", "."], "holds something else"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(cli_run, tmp_path, words, message):
    done = cli_run("claim", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


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


def test_a_picture_of_curves_survives_what_is_not_finite():
    claim = replace(find("gelu-approx"), exact=False, draw=(), scale="xy", rule=("mean a > 0",))
    nan = float("nan")
    outcome = run(claim, measure=lambda seed: {"a": 1.0, "loss": Curve([1, 2, 3], [1.0, nan, 2.0])})
    ET.fromstring(picture(outcome))
