"""Beside a trained model: a quick one, fitted once, kept, and no reason to lose the training."""

import json

import pytest
import torch

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.core.errors import UsageError
from cartograd.practice.yardsticks import yardstick

pytestmark = pytest.mark.yardstick


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Two columns, of which only their product tells."""
    monkeypatch.chdir(tmp_path)
    x = torch.rand(400, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    rows = [f"{a:.3f},{b:.3f},{'yes' if a * b > 0 else 'no'}" for a, b in x.tolist()]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,late", *rows]) + "\n")
    return "csv:t.csv,target=late"


@pytest.fixture
def fits(monkeypatch):
    """Counts how often one is fitted."""
    made, real = [], yardstick.fitted

    def counted(*args, **more):
        made.append(1)
        return real(*args, **more)

    monkeypatch.setattr(yardstick, "fitted", counted)
    return made


def test_it_is_fitted_once_kept_and_anew_for_others(table, fits, capsys):
    assert main(["train", "mlp:widths=[2]", "--data", table, "--epochs", "1", "--folder", "r",
                 "--json"]) == 0  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    constant, quick = told["baselines"]
    assert (quick["name"], quick["is"]) == ("boosting", "worse")
    assert told["baseline"].startswith(f"{constant['is']} than always")
    assert "; worse than boosting by " in told["baseline"]
    assert quick["metrics"]["accuracy"] > 0.85
    same = cg.evaluate("r", table)
    assert same.baseline == told["baseline"]
    assert len(fits) == 1
    other = cg.evaluate("r", table, part="valid")
    assert "than boosting" in other.baseline
    assert len(fits) == 2
    assert other.to_json()["baselines"][1]["metrics"]["accuracy"] > 0.85
    page = (cg.load("r").path.parent / "report.html").read_text()
    assert "boosting" in page


def test_the_first_line_is_the_sentence(table, capsys):
    words = ["train", "mlp:widths=[2]", "--data", table, "--epochs", "1", "--folder", "r"]
    assert main(words) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("this is ")
    assert "; worse than boosting by " in shown[0]
    assert any(line.startswith("yardstick") and "boosting, fitted on" in line for line in shown)
    assert main(["evaluate", "r"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == shown[0]


def test_it_can_be_turned_off(table, fits):
    run = cg.train("mlp:widths=[2]", table, epochs=1, folder="r", yardstick="none")
    found = cg.evaluate(run, table)
    assert [one.metric for one in found.beside] == ["accuracy"]
    assert (found.yardstick, fits) == ("", [])
    with pytest.raises(UsageError, match="unknown yardstick 'nome'; did you mean 'none'"):
        cg.train("mlp:widths=[2]", table, epochs=1, folder="s", yardstick="nome")


def test_what_fails_is_said_and_the_run_is_there(table, monkeypatch):
    def broken(*_, **__):
        raise MemoryError("too much")

    monkeypatch.setattr(yardstick, "fitted", broken)
    run = cg.train("mlp:widths=[2]", table, epochs=1, folder="r")
    about = cg.load(run.folder).about
    assert about["yardstick"].startswith("none: it failed: MemoryError")
    assert about["baseline"].startswith(("better", "no better", "worse"))


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"canaries": 20}, "it would learn from the canaries, too"),
        ({"poison": "label-flip:share=0.1"}, "it would learn from the poisoned examples, too"),
    ],
)
def test_beside_some_trainings_there_is_none(table, setting, why, fits):
    run = cg.train("mlp:widths=[2]", table, epochs=1, folder="r", **setting)
    assert cg.load(run.folder).about["yardstick"].endswith(why)
    assert fits == []


def test_without_the_data_of_the_training_it_says_so(table, tmp_path):
    cg.train("mlp:widths=[2]", table, epochs=1, folder="r")
    (tmp_path / "t.csv").rename(tmp_path / "u.csv")
    found = cg.evaluate("r", "csv:u.csv,target=late", part="valid")
    assert found.yardstick.startswith("none: it learns from the data of the training, which cannot")


def test_classes_weigh_as_much_beside_as_in_the_training(table):
    run = cg.train("mlp:widths=[2]", table, epochs=1, folder="r", class_weights="balanced")
    quick = cg.load(run.folder).about["baselines"][1]
    assert quick["metric"] == "recall:average=macro"
