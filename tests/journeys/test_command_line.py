"""The whole life of a model from the command line, on five kinds of data."""

import csv
import io
import json
import signal
import subprocess
import sys

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.server.run import running
from cartograd.data.decode.read import read
from cartograd.engine.logging.run_folder import read_config, read_lines
from tests.journeys.conftest import JOURNEYS

pytestmark = pytest.mark.journey


def test_train_writes_a_run_folder(journey, run, files):
    assert {"config.toml", "metrics.jsonl", "events.jsonl", "checkpoints", "bundle"} <= {
        path.name for path in run.iterdir()
    }
    values, origins = read_config(run)
    model, _, data, *_ = journey.train
    assert values["model"] == model
    assert values["data"] == journey.train[2].format(files)
    assert origins["model"] == origins["epochs"] == "flag"
    assert origins["optimizer"] == "default"
    records = [line for line in read_lines(run / "metrics.jsonl") if line["at"] == "epoch"]
    assert len(records) == values["epochs"]
    events = [line["event"] for line in read_lines(run / "events.jsonl")]
    assert events[-2:] == ["finished", "speed"]
    assert data


def test_evaluate_finds_what_training_measured(journey, run, cli_run):
    found = cli_run("evaluate", run, "--json").json
    kept = cg.load(run).metrics
    assert set(found["metrics"]) == set(kept)
    for name, numbers in found["metrics"].items():
        assert numbers == pytest.approx(kept[name], nan_ok=True)
        assert numbers["low"] <= numbers["value"] <= numbers["high"]
    assert found["examples"] == cg.load(run).about["test examples"]


def test_evaluate_prints_a_table_and_says_what_failed(runs, cli_run):
    done = cli_run("evaluate", runs(JOURNEYS[0]), "--min", "accuracy=1.01", "--max", "nll=9")
    assert done.code == 1
    assert "95 % interval" in done.out
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["FAILED", "passed"]


def test_evaluate_gates(journey, run, cli_run):
    passed = cli_run("evaluate", run, *journey.reaches, "--json")
    assert passed.code == 0
    assert passed.json["passed"]
    name = "accuracy=1.01" if journey.classifies else "r2=1.01"
    missed = cli_run("evaluate", run, "--min", name, "--json")
    assert missed.code == 1
    assert [gate["passed"] for gate in missed.json["gates"]] == [False]


def test_predict_gives_the_models_own_answers(journey, run, model, files, cli_run):
    sources = journey.sources(files)
    answers = [
        json.loads(line) for line in cli_run("predict", run, *sources, "--json").out.splitlines()
    ]
    assert len(answers) == journey.rows
    with torch.inference_mode():
        outputs = model(read(model.signature.input, sources))
    if journey.classifies:
        chances = outputs.double().softmax(1)
        best, place = chances.max(1)
        assert [row["label"] for row in answers] == [
            model.signature.output.labels[i] for i in place
        ]
        assert [row["probability"] for row in answers] == pytest.approx(best.tolist())
    else:
        assert [row["value"] for row in answers] == pytest.approx(outputs.flatten().tolist())
    rows = list(csv.DictReader(io.StringIO(cli_run("predict", run, *sources, "--csv").out)))
    assert [row["source"] for row in rows] == [row["source"] for row in answers]
    first = "label1" if journey.classifies else "value"
    assert str(rows[0][first]) == str(answers[0].get("label", answers[0].get("value")))
    assert answers[0]["source"] in cli_run("predict", run, *sources).out


def test_serve_says_what_predict_says(journey, run, model, files):
    inputs = read(model.signature.input, journey.sources(files))
    body = {"inputs": inputs.tolist()}
    if model.signature.input.columns:
        header, *lines = csv.reader((files / journey.sources(files)[0]).read_text().splitlines())
        body = {"inputs": [dict(zip(header, line, strict=True)) for line in lines]}
    with running(run) as url, httpx.Client(trust_env=False, timeout=600) as client:
        served = client.post(f"{url}/predict", json=body).json()["predictions"]
    expected = cg.predict(run, inputs, top=len(model.signature.output.labels) or 1)
    for mine, theirs in zip(expected, served, strict=True):
        mine.pop("source")
        assert mine.keys() == theirs.keys()
        key = "probability" if journey.classifies else "value"
        assert mine[key] == pytest.approx(theirs[key], rel=1e-5)


def test_explain_draws_and_adds_up(journey, run, model, files, cli_run, tmp_path):
    sources = journey.sources(files)
    words = ("--method", "integrated_gradients:steps=200", "--out", "why.png", "--json")
    found = cli_run("explain", run, *sources, *words).json
    assert len(found["explanations"]) == journey.rows
    x = read(model.signature.input, sources)
    low = (model.signature.input.bounds or (0.0,))[0]
    with torch.inference_mode():
        outputs, nothing = model(x), model(torch.full_like(x, low))
    place = outputs.argmax(1, keepdim=True)
    moved = (outputs - nothing).gather(1, place).flatten()
    for item, change in zip(found["explanations"], moved.tolist(), strict=True):
        assert item["sum"] == pytest.approx(change, abs=0.02 * (1 + abs(change)))
        assert ("pixels" in item) == (model.signature.input.kind == "image")
    picture = np.asarray(Image.open(tmp_path / "why.png").convert("RGB"))
    assert picture.std() > 5
    assert "contributes most" in cli_run("explain", run).out
    assert (run / "explanation.png").is_file()


def test_attack_lowers_accuracy(journey, run, cli_run, tmp_path):
    words = ("attack", run, "--method", "pgd:eps=0.3,steps=5", "--examples", "40", "--out", "a.png")
    done = cli_run(*words, "--json")
    if not journey.classifies:
        assert done.code == 2
        assert "classifiers" in done.err
        return
    found = done.json
    assert found["examples"] == 40
    assert found["under_attack"]["accuracy"] < found["clean"]["accuracy"]
    turned = (found["clean"]["accuracy"] - found["under_attack"]["accuracy"]) * 40
    assert found["turned"] == pytest.approx(turned)
    drawn = found["picture"] is not None
    assert drawn == (tmp_path / "a.png").is_file() == (journey.name != "breast-cancer")
    assert "under attack" in cli_run(*words).out


@pytest.mark.compile
def test_export_agrees_with_the_model(run, cli_run, tmp_path):
    done = cli_run("export", run, "--to", "onnx", "--check", "--out", "model.onnx", "--json")
    assert done.code == 0
    assert done.json["check"]["difference"] <= done.json["check"]["tolerance"]
    assert done.json["size"] == (tmp_path / "model.onnx").stat().st_size
    assert "within rounding" in cli_run("export", run, "--check").out
    assert (run / "model.onnx").is_file()


def test_serve_as_a_program_until_it_is_interrupted(runs):
    run = runs(JOURNEYS[0])
    command = [sys.executable, "-m", "cartograd", "serve", str(run), "--port", "0", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        url = json.loads(server.stdout.readline())["predict"]
        with httpx.Client(trust_env=False, timeout=600) as client:
            answer = client.post(url, json={"inputs": [np.zeros((1, 8, 8)).tolist()], "top": 1})
        assert answer.json()["predictions"][0]["label"] in "0123456789"
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=600)
    assert server.returncode == 0
    assert "Traceback" not in err


def test_numbers_on_standard_input(runs, cli_run):
    run = runs(JOURNEYS[-1])
    plain = [
        json.loads(line) for line in cli_run("predict", run, "0.5,0.25", "--json").out.splitlines()
    ]
    for body in ("[[0.5, 0.25]]", '{"inputs": [[0.5, 0.25]], "top": 3}'):
        piped = json.loads(cli_run("predict", run, "-", "--json", stdin=body).out)
        assert piped["probabilities"] == pytest.approx(plain[0]["probabilities"])


def test_a_table_of_another_day_is_encoded_as_the_first(runs, files, cli_run):
    run = runs(JOURNEYS[2])
    words = ("--data", f"csv:{files}/later.csv,target=rent", "--part", "all", "--metrics", "r2")
    found = cli_run("evaluate", run, *words, "--json").json
    assert found["examples"] == 100
    assert found["metrics"]["r2"]["value"] > 0.85
