import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cartograd.apps.load.runs import look
from cartograd.core.locks import FolderLock
from cartograd.engine.logging.run_folder import read_lines


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A good run, a worse one, one of values and one that was broken off."""
    import cartograd as cg

    root = tmp_path_factory.mktemp("work") / "runs"
    for name, model, data, epochs in (
        ("good", "mlp:widths=[32]", "digits", 3),
        ("worse", "mlp:widths=[8]", "digits", 1),
        ("other", "mlp:widths=[8]", "moons", 2),
    ):
        cg.train(model, data, epochs=epochs, folder=root / name, device="cpu")
    shutil.copytree(root / "other", root / "killed")
    shutil.rmtree(root / "killed" / "bundle")
    events = root / "killed" / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    events.write_text("".join(x for x in lines if '"finished"' not in x and '"speed"' not in x))
    return root


def test_list_tells_every_run(cli_run, made):
    found = {run["name"]: run for run in cli_run("runs", "list", made, "--json").json["runs"]}
    assert set(found) == {"good", "worse", "other", "killed"}
    assert found["good"]["model"] == "mlp:widths=[32]"
    assert found["good"]["data"] == "digits"
    assert found["good"]["epochs"] == 3
    assert found["good"]["state"] == "finished"
    assert found["killed"]["state"] == "broken off"
    epochs = [x for x in read_lines(made / "good" / "metrics.jsonl") if x["at"] == "epoch"]
    best = min(epochs, key=lambda record: record["valid/loss"])
    assert found["good"]["best"] == {"metric": "valid/accuracy", "value": best["valid/accuracy"]}
    assert found["good"]["best_epoch"] == best["epoch"]
    table = cli_run("runs", "list", made).out
    assert re.search(r"good +mlp:widths=\[32\] +digits +3/3 +valid/accuracy \d", table)


def test_runs_are_listed_without_torch(made):
    program = """
import contextlib, io, json, sys
from cartograd.apps.cli import main
told = []
for words in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(words) == 0, words
    assert not {"torch", "numpy", "PIL"} & set(sys.modules), words
    told.append(out.getvalue())
print(json.dumps(told))
"""
    lines = [["runs", "list"], ["runs", "list", "--json"], ["runs", "show", "runs/good"], []]
    lines += [["runs", "tag", "runs/good"], ["--json"], ["__complete", "evaluate", "runs/"]]
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(lines), capture_output=True, text=True,
        check=False, cwd=made.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {run["name"] for run in json.loads(told[1])["runs"]} == {
        "good", "worse", "other", "killed",
    }  # fmt: skip
    assert "runs/good\trun\n" in told[-1]


def test_list_tells_the_test_and_the_gap_to_the_baseline(cli_run, made):
    found = {run["name"]: run for run in cli_run("runs", "list", made, "--json").json["runs"]}
    kept = json.loads((made / "good" / "bundle" / "metrics.json").read_text())["accuracy"]
    test, gap = found["good"]["test"], found["good"]["gap"]
    assert (test["metric"], test["value"]) == ("accuracy", kept["value"])
    assert test["low"] < test["value"] < test["high"]
    assert gap["word"] == "better"
    assert 0 < gap["low"] < gap["high"] < 1
    assert found["good"]["sentence"].startswith("better than always")
    assert (found["killed"]["test"], found["killed"]["gap"]) == (None, None)
    text = cli_run("runs", "show", made / "good").out
    assert f"accuracy {100 * kept['value']:.1f} %" in text
    assert "this is   better than always" in text


def test_runs_are_sorted_filtered_and_tagged(cli_run, made, tmp_path):
    shutil.copytree(made, tmp_path / "runs")

    def names(*words):
        return [run["name"] for run in cli_run("runs", "list", *words, "--json").json["runs"]]

    assert names("--sort", "test", "--filter", "data=digits") == ["good", "worse"]
    assert names("--sort", "name") == ["good", "killed", "other", "worse"]
    assert names("--sort", "epochs")[0] == "worse"
    assert names("--sort", "gap", "--filter", "data=digits") == ["good", "worse"]
    assert names("--filter", "state!=finished") == ["killed"]
    assert names("--filter", "epochs>=2", "model=[8]", "state=finished") == ["other"]
    assert names("--filter", "test>1.5") == []
    done = cli_run("runs", "tag", "runs/worse", "small", "keep", "--json")
    assert done.json == {"folder": "runs/worse", "tags": ["small", "keep"]}
    assert names("--filter", "tag=small") == ["worse"]
    assert names("--sort", "tag")[0] == "worse"
    assert "small, keep" in cli_run("runs", "list").out
    assert "small" not in cli_run("runs", "tag", "runs/worse", "--remove", "small").out
    assert names("--filter", "tag=small") == []
    assert cli_run("runs", "list", "--filter", "epochs=many").code == 2
    assert "expected model=x or model!=x" in cli_run("runs", "list", "--filter", "model>x").err


def test_cartograd_alone_tells_where_a_folder_stands(cli_run, made, tmp_path):
    assert "cartograd tour" in cli_run().out
    (tmp_path / "churn.csv").write_text("a,b\n1,2\n")
    assert [x["command"] for x in cli_run("--json").json["next"]] == [
        "cartograd data check churn.csv --target b",
        "cartograd train --data churn.csv --target b",
        "cartograd tour",
    ]  # fmt: skip
    for name in ("worse", "good"):
        shutil.copytree(made / name, tmp_path / "runs" / name)
    found = cli_run("--json").json
    assert [Path(run["folder"]).name for run in found["runs"]] == ["good", "worse"]
    assert found["sentence"].startswith("better than always")
    assert [x["command"] for x in found["next"]] == [
        "cartograd evaluate runs/worse",
        "cartograd diagnose runs/worse",
        "cartograd runs compare runs/good runs/worse",
    ]
    assert "runs/worse is better than always" in cli_run().out
    shutil.copytree(made / "killed", tmp_path / "runs" / "killed")
    events = tmp_path / "runs" / "killed" / "events.jsonl"
    events.write_text(events.read_text() + '{"event": "interrupted", "time": 9e9}\n')
    assert cli_run("--json").json["next"][0]["command"] == "cartograd train runs/killed --resume"


def test_a_damaged_run_does_not_hide_the_others(cli_run, made, tmp_path):
    shutil.copytree(made, tmp_path / "runs")
    (tmp_path / "runs" / "other" / "metrics.jsonl").write_text("{\nnot json\n")
    found = {run.get("name", "?"): run for run in cli_run("runs", "list", "--json").json["runs"]}
    assert found["?"]["state"] == "damaged"
    assert len(found) == 4
    assert "damaged" in cli_run("runs", "list").out


def test_a_run_that_is_being_written_is_running(made):
    lock = FolderLock(made / "killed")
    try:
        assert look(made / "killed").state == "running"
    finally:
        lock.close()
    assert look(made / "killed").state == "broken off"


def test_show_tells_where_the_time_went(cli_run, made):
    found = cli_run("runs", "show", made / "good", "--json").json
    speed = found["speed"]
    trained = json.loads((made / "good" / "bundle" / "about.json").read_text())["train examples"]
    assert speed["examples"] == 3 * trained
    assert speed["per_second"] > 0
    assert speed["flops"] == 2 * (2 * 64 * 32 + 3 * 32 * 10)
    assert 0 < speed["share_of_peak"] < 1
    assert speed["memory"] > 1e7
    text = cli_run("runs", "show", made / "good").out
    page = (made / "good" / "report.html").read_text()
    assert "of memory at most" in page
    for word in ("examples a second", "of this machine's measured peak", "backward", "state"):
        assert word in text


@pytest.mark.chart
def test_compare_tells_settings_metrics_and_changed_answers(cli_run, made):
    done = cli_run("runs", "compare", made / "good", made / "worse", "--json")
    found = done.json
    assert found["settings"]["epochs"] == [3, 1]
    assert "seed" not in found["settings"]
    accuracy = next(x for x in found["metrics"] if x["name"] == "accuracy")
    assert accuracy["values"][0] > accuracy["values"][1]
    assert accuracy["beyond_noise"]
    assert accuracy["p"] < 0.05
    assert accuracy["low"] < accuracy["values"][1] - accuracy["values"][0] < accuracy["high"] < 0
    changes = found["changes"]
    mended = sum(x["became"] == "right" for x in changes)
    broken = sum(x["became"] == "wrong" for x in changes)
    tested = json.loads((made / "good" / "bundle" / "about.json").read_text())["test examples"]
    gained = accuracy["values"][1] - accuracy["values"][0]
    assert mended - broken == round(gained * tested)
    page = Path(found["report"]).read_text()
    assert page.count("<svg") >= 1
    assert "data:image/png;base64" in page
    assert "new mistake" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_a_run_and_its_twin_differ_in_nothing(cli_run, made, tmp_path):
    shutil.copytree(made / "other", tmp_path / "twin")
    done = cli_run("runs", "compare", made / "other", tmp_path / "twin", "--json").json
    assert done["settings"] == {}
    assert done["changes"] == []
    assert not any(metric["beyond_noise"] for metric in done["metrics"])
    assert all("approximate" in metric for metric in done["metrics"] if metric["name"] == "nll")
    text = cli_run("runs", "compare", made / "other", tmp_path / "twin").out
    assert "the same" in text
    assert "the examples do not differ" in text


def test_compare_without_a_bundle_says_why(cli_run, made):
    done = cli_run("runs", "compare", made / "other", made / "killed")
    assert done.code == 0
    assert "has no bundle (" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("list", "nowhere"), "there is no folder nowhere; `cartograd train` makes runs"),
        (("show", "nowhere"), "nowhere holds no run"),
        (("compare", "{}/good", "{}/good"), "are the same run; give two"),
        (("compare", "{}/good", "nowhere"), "nowhere holds no run"),
        (("compare", "{}/good", "{}/other"), "say with --data what to compare them on"),
        (("compare", "{}/good", "{}/worse", "--part", "tst"), "did you mean 'test'?"),
        (("compare", "{}/good", "{}/other", "--data", "digits"), "answer different questions"),
        (("compare", "{}/good", "{}/worse", "--data", "moons"), "does not fit the model"),
    ],
)
def test_mistakes_are_one_line(cli_run, made, words, message):
    done = cli_run("runs", *(word.format(made) for word in words))
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert json.loads(cli_run("runs", *(w.format(made) for w in words), "--json").out)["error"]
