"""`evaluate --tasks`: what is printed, written and refused."""

import json
from pathlib import Path

import pytest

from tests.apps.exams.tiny import folder
from tests.commands import command

TASKS = Path(__file__).parents[1] / "exams" / "tasks"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return f"hf:{folder(tmp_path_factory.mktemp('tiny') / 'model')}"


@pytest.fixture
def run(capsys, monkeypatch):
    return command(capsys, monkeypatch)


def test_figures_differences_and_answers(run, tiny, tmp_path):
    task, out = TASKS / "choices.yaml", tmp_path / "answers.jsonl"
    done = run("evaluate", tiny, "--tasks", task, "--against", tiny, "--out", out, "--limit", 4)
    assert done.code == 0
    assert "4 items, 0 shots" in done.out
    assert "within noise" in done.out
    assert "33.3 % of choices" in done.out.replace("33.3%", "33.3 %")
    answers = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [one["item"] for one in answers] == [1, 2, 3, 4]
    assert all(len(one["logs"]) == 3 for one in answers)


def test_gates_hold_of_figures_of_tasks(run, tiny):
    task = TASKS / "choices.yaml"
    passed = run("evaluate", tiny, "--tasks", task, "--min", "acc=0.5", "--json")
    assert (passed.code, passed.json["passed"]) == (0, True)
    assert passed.json["tasks"][0]["figures"]["acc"]["value"] == 0.5
    failed = run("evaluate", tiny, "--tasks", task, "--min", "acc=0.6")
    assert failed.code == 1
    assert "FAILED: acc is 0.5, min 0.6" in failed.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tasks", "no-such"], "unknown task 'no-such'"),
        (["--tasks", TASKS / "choices.yaml", "--data", "digits"], "--data is of data"),
        (["--tasks", TASKS / "choices.yaml", "--min", "f1=1"], "unknown figure 'f1'"),
        (["--tasks", TASKS / "choices.yaml", "--limit", "0"], "limit=0 is out of range"),
        (["--tasks", TASKS / "choices.yaml", "--chat"], "no template of a chat"),
        (["--shots", "2"], "--shots is of language models"),
        (["--beat-baseline", "--tasks", TASKS / "choices.yaml"], "--beat-baseline is of data"),
    ],
)
def test_what_does_not_fit_is_refused(run, tiny, words, told):
    done = run("evaluate", tiny, *words)
    assert done.code == 2
    assert told in done.err
    assert done.err.count("\n") == 1
