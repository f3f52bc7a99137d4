"""Beside a trained model: a quick one, fitted once, kept, and no reason to lose the training."""

import json

import pytest
import torch

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.apps.load.settings import parsed
from cartograd.apps.verbs.plan import planned as plan
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


def test_a_gate_asks_for_more_than_both(table, capsys):
    words = ["train", "mlp:widths=[2]", "--data", table, "--epochs", "1", "--folder", "r"]
    assert main([*words, "--beat-baseline"]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("FAILED: ")
    assert line.endswith("worse than boosting (--beat-baseline)")
    assert main(["evaluate", "r", "--beat-baseline", "--json"]) == 1
    [gate] = json.loads(capsys.readouterr().out)["gates"]
    assert not gate["passed"]
    assert gate["baseline"][1] == "boosting"


def test_who_beats_both_passes(table, capsys, monkeypatch):
    """The quick model learns from three rows of one class, the other one from all."""
    monkeypatch.setattr(yardstick, "ROWS", (3, 3))
    words = ["train", "mlp", "--data", table, "--epochs", "30", "--folder", "r"]
    assert main([*words, "--beat-baseline"]) == 0
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("passed: better than always ")
    assert line.endswith(" and than boosting (--beat-baseline)")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "yardstick=none"], "needs something to beat; leave yardstick=none out"),
        (["--seeds", "2"], "is of one training here; leave --seeds out"),
    ],
)
def test_without_anything_to_beat_it_is_refused(table, more, said, capsys, tmp_path):
    words = ["train", "mlp", "--data", table, "--folder", "r", "--beat-baseline", *more]
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_patience_is_chosen_where_epochs_are(table):
    given = plan("mlp", table)
    assert given.value("patience") == 10
    assert "stops after 10 epochs without a better valid/loss" in given.told[-1]
    private = "dp-sgd:noise=1,public_statistics=true"
    for more in ({"epochs": 40}, {"privacy": private}, {"objective": "classify", "epochs": 7}):
        assert plan("mlp", table, **more).value("patience") is None
    for off in (plan("mlp", table, **parsed(["patience=none"])), plan("mlp", table, patience=0)):
        assert off.value("patience") == 0
        assert not any("stops after" in line for line in off.told)


def test_a_run_that_stopped_early_by_itself_goes_on_as_such(tmp_path):
    """Labels without a reason: the first epochs are best, and the same are kept in any case."""
    x = torch.rand(300, 4, generator=torch.Generator().manual_seed(0))
    y = (torch.rand(300, generator=torch.Generator().manual_seed(1)) > 0.5).long()
    data = cg.tensors(x, y)
    more = {"yardstick": "none", "optimizer": "adamw:lr=0.03"}
    early = cg.train("mlp", data, folder=tmp_path / "r", **more)
    assert early.stopped == "early"
    assert len(early.history) == early.best["epoch"] + 10
    again = cg.train(None, data, folder=tmp_path / "r", resume=True)
    assert (again.stopped, again.steps) == ("early", early.steps)
    whole = cg.train("mlp", data, folder=tmp_path / "w", patience=0, **more)
    assert (whole.stopped, len(whole.history)) == (None, 40)
    on = cg.train(None, data, folder=tmp_path / "r", resume=True, patience=0)
    assert [one["valid/loss"] for one in on.history] == [x["valid/loss"] for x in whole.history]
