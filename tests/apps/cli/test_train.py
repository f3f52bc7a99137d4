"""`cartograd train`: what it shows before, and what it takes from a file."""

import pytest

from cartograd.apps.load.options import KINDS
from cartograd.engine.logging.run_folder import read_config

QUICK = ("mlp:widths=[8]", "--data", "moons", "--epochs", "1")


def test_print_config_tells_where_each_value_came_from(cli_run, tmp_path):
    (tmp_path / "run.toml").write_text('data = "digits"\nbatch_size = 16\n')
    words = ("softmax-regression", "--config", "run.toml", "--epochs", "2", "--print-config")
    found = cli_run("train", *words, "--json").json
    origins = {key: item["from"] for key, item in found.items()}
    plain = {key: x for key, x in origins.items() if not key.startswith("objective.")}
    assert plain == dict.fromkeys(KINDS, "default") | {
        "model": "flag",
        "data": "file",
        "epochs": "flag",
        "batch_size": "file",
        "model.features": "data",
        "model.classes": "data",
        "model.widths": "preset",
        "model.activation": "default",
        "model.dropout": "default",
        "model.norm": "default",
    }
    assert origins["objective.label_smoothing"] == "default"
    assert found["batch_size"]["value"] == 16
    assert "preset" in cli_run("train", *words).out
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]


def test_dry_run_tells_the_cost_and_writes_nothing(cli_run, tmp_path):
    found = cli_run("train", *QUICK, "--dry-run", "--json").json
    assert found["parameters"] == 2 * 8 + 8 + 8 * 2 + 2
    assert [layer["shape"] for layer in found["layers"]][-1] == [32, 2]
    assert found["minutes"] > 0
    assert found["memory"]["total"] > 0
    table = cli_run("train", *QUICK, "--dry-run").out
    assert "32 x 2" in table
    assert "a step" in table
    assert list(tmp_path.iterdir()) == []


def test_a_run_repeats_from_its_own_config(cli_run, tmp_path):
    assert cli_run("train", *QUICK, "--set", "seed=4").code == 0
    again = cli_run("train", "--config", "runs/mlp-moons-1", "--json")
    assert again.json["folder"] == "runs/mlp-moons-2"
    first, second = (tmp_path / "runs" / f"mlp-moons-{i}" for i in (1, 2))
    assert (first / "metrics.jsonl").read_bytes() == (second / "metrics.jsonl").read_bytes()
    values, origins = read_config(second)
    assert values == read_config(first)[0]
    assert set(origins.values()) == {"file"}


def test_what_is_printed(cli_run):
    done = cli_run("train", *QUICK)
    told, first = done.err.splitlines()[:2]
    assert told.startswith("moons: precision, recall and F1 are of '1', by its name")
    assert first.startswith("epoch 1/1")
    for part in ("accuracy", "95 % interval", "runs/mlp-moons-1", "on 500 test examples"):
        assert part in done.out
    found = cli_run("train", *QUICK, "--json").json
    assert found["epochs"] == 1
    assert found["stopped"] is None
    assert set(found["test"]["accuracy"]) == {"value", "low", "high"}


@pytest.mark.parametrize("words", [("--set", "batch_size=100", "patience=1"), ("--set=clip=1.0",)])
def test_further_settings(cli_run, tmp_path, words):
    assert cli_run("train", *QUICK, *words).code == 0
    values, _ = read_config(tmp_path / "runs" / "mlp-moons-1")
    assert values.get("batch_size") == (100 if "patience=1" in words else 32)


def test_early_stopping_is_told(cli_run):
    words = ("mlp", "--data", "moons", "--epochs", "9", "--optimizer", "sgd:lr=0")
    done = cli_run("train", *words, "--set", "patience=1")
    assert "trained   2 epochs" in done.out
    assert "stopped early" in done.out
