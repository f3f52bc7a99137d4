import json
import math
import shutil
from pathlib import Path

import pytest

import cartograd as cg
from cartograd.apps.verbs.diagnose import chance, diagnose_model
from cartograd.engine.logging.run_folder import is_run

MODEL = ("diagnose", "mlp:widths=[16]", "--data", "moons")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work") / "short"
    cg.train(
        "mlp:widths=[8]", "digits", epochs=4, folder=folder, device="cpu", optimizer="adamw:lr=1e-3"
    )
    return folder


@pytest.mark.chart
def test_a_run_that_was_too_short_is_told_with_advice(cli_run, run):
    done = cli_run("diagnose", run)
    assert done.code == 0
    assert done.out.startswith("not converged: the loss still falls")
    assert "  - more epochs" in done.out
    page = (run / "diagnosis.html").read_text()
    for words in ("<svg", "not converged", "more epochs", "A constant answer has loss 2.3"):
        assert words in page
    found = cli_run("diagnose", run, "--json").json
    assert found["findings"][0]["name"] == "not converged"
    assert found["chance"] == pytest.approx(math.log(10), abs=0.01)
    assert Path(found["report"]) == run / "diagnosis.html"


@pytest.mark.chart
def test_a_model_is_looked_at_and_nothing_is_trained(cli_run, tmp_path):
    done = cli_run(*MODEL)
    assert done.code == 0
    for words in ("hidden.0", "learning rate", "noise scale", "largest batch", "report"):
        assert words in done.out
    page = (tmp_path / "diagnosis-mlp-widths-16-moons.html").read_text()
    assert page.count("<svg role") >= 2
    assert "nothing was trained" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert [path.name for path in tmp_path.iterdir()] == ["diagnosis-mlp-widths-16-moons.html"]


def test_json_of_a_model_holds_every_number_and_repeats(cli_run):
    first, second = (cli_run(*MODEL, "--memory", "1", "--json").json for _ in range(2))
    assert first == second
    assert first["layers"]["layers"][0]["kind"] == "Linear"
    assert first["rate"]["suggestion"] < first["rate"]["limit"]
    assert first["noise"]["scale"] > 0
    assert first["batch"]["size"] > 100
    assert first["findings"]
    assert first["left_out"] == {}


def test_some_looks_only(cli_run):
    found = cli_run(*MODEL, "--looks", "rate,batch", "--json").json
    assert found["layers"] is None
    assert found["noise"] is None
    assert found["rate"]
    assert found["batch"]


def test_a_rate_that_is_too_high_is_told(cli_run):
    found = cli_run(*MODEL, "--optimizer", "sgd:lr=500", "--looks", "rate", "--json").json
    (finding,) = found["findings"]
    assert finding["name"] == "learning rate too high"
    assert finding["advice"][0].startswith("lr=")


def test_a_batch_that_does_not_fit_is_told(cli_run):
    words = ("--memory", "0.00002", "--looks", "batch", "--batch-size", "256", "--json")
    found = cli_run(*MODEL, *words).json
    assert "batch does not fit" in [finding["name"] for finding in found["findings"]]


def test_the_model_of_a_run_is_left_as_it_is(cli_run, run, tmp_path):
    before = (run / "bundle" / "weights.safetensors").read_bytes()
    found = cli_run("diagnose", run, "--data", "digits", "--looks", "layers", "--json").json
    assert len(found["layers"]["layers"]) >= 3
    assert (run / "bundle" / "weights.safetensors").read_bytes() == before


def test_what_cannot_be_looked_at_is_left_out_with_the_reason():
    found = diagnose_model("mlp:widths=[4]", "moons", batch_size=4, looks=("layers", "noise"))
    assert "cannot be cut into 8 parts" in found.left_out["noise"]
    assert found.layers


def test_a_constant_answer_has_the_entropy_of_the_classes():
    assert chance(cg.dataset("moons").train) == pytest.approx(math.log(2), abs=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lenet5",), "lenet5 is no run; a model needs --data"),
        (("lenet6", "--data", "digits"), "unknown model 'lenet6'; did you mean 'lenet5'?"),
        (("mlp", "--data", "digitz"), "did you mean 'digits'?"),
        (("mlp", "--data", "moons", "--looks", "layer"), "unknown look 'layer'; did you mean"),
        (("mlp", "--data", "moons", "--steps", "1"), "steps=1 is too few"),
        (("mlp", "--data", "moons", "--memory", "0"), "memory=0"),
        (("mlp", "--data", "moons", "--optimizer", "adamww"), "did you mean 'adamw'?"),
        (("mlp", "--data", "moons", "--batch-size", "0"), "batch_size=0 is out of range"),
        (("{}", "--steps", "3", "--seed", "1"), "is a run: its curves need no options"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(cli_run, run, tmp_path, words, message):
    assert is_run(run)
    done = cli_run("diagnose", *(word.format(run) for word in words))
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_run_without_an_epoch_is_refused(cli_run, run, tmp_path):
    shutil.copytree(run, tmp_path / "new")
    (tmp_path / "new" / "metrics.jsonl").unlink()
    done = cli_run("diagnose", "new", "--json")
    assert done.code == 2
    assert "no finished epoch" in json.loads(done.out)["error"]["message"]
