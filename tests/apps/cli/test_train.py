"""`cartograd train`: what it shows before, and what it takes from a file."""

import shutil

import pytest

import cartograd as cg
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


@pytest.mark.parametrize(
    ("model", "data"),
    [("lenet5", "moons"), ("gpt:depth=1,dim=8,heads=2", "moons"), ("gru", "pairs:pairs.tsv")],
)
def test_a_dry_run_of_what_does_not_go_together_is_one_sentence(cli_run, tmp_path, model, data):
    (tmp_path / "pairs.tsv").write_text("\n".join(f"a{n} b\tc d{n}" for n in range(40)))
    found = cli_run("train", model, "--data", data, "--dry-run")
    assert found.code == 2
    assert len([line for line in found.err.splitlines() if line.startswith("cartograd: ")]) == 1
    assert model.partition(":")[0] in found.err
    assert "Traceback" not in found.err
    assert not (tmp_path / "runs").exists()


def test_what_was_decided_is_told_by_every_command(cli_run, tmp_path):
    """In the same lines; a table is evaluated by the columns that the model knows."""
    rows = [f"{n},{n % 7},{'yes' if n % 2 else 'no'},DE" for n in range(80)]
    (tmp_path / "a.csv").write_text("\n".join(["x,y,bought,country", *rows]))
    given = ("mlp:widths=[4]", "--data", "a.csv", "--target", "bought", "--epochs", "1")
    done = cli_run("train", *given, "--folder", "run")
    told = [line for line in done.err.splitlines() if line.startswith("csv: ")]
    assert "data.html" in told.pop()  # the card that is kept in the run
    assert "csv: left out, the same in every training row: country" in told
    assert [*cli_run("train", *given, "--dry-run").err.splitlines()] == told
    seen = cli_run("evaluate", "run").err.splitlines()
    own = ("precision", "is taken as")  # of the objective, and of a path without a source
    assert seen == [line for line in told if not any(word in line for word in own)]
    assert "approximate" in done.out
    measured = cli_run("evaluate", "run", "--part", "all").out
    assert "approximate" in cli_run("evaluate", "run").out
    assert "'yes', by its name" in measured
    assert "all of it, with the examples that it was trained on" in measured
    (tmp_path / "b.csv").write_text("\n".join(["x,y,bought,size", *(r[:-2] + "5" for r in rows)]))
    other = cli_run("evaluate", "run", "--data", "csv:b.csv,target=bought").err
    assert "csv: left out, the model does not know it: size" in other
    assert "numbers: x" in other
    assert "y" in other


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
    assert "trained    2 epochs" in done.out
    assert "stopped early" in done.out


def test_the_help_shows_the_stars_of_patterns(cli_run):
    shown = " ".join(cli_run("train", "--help").out.replace("│", " ").split())
    assert "lora:rank=4,match=*attention*" in shown
    assert "*.bias:weight_decay=0;head.*:lr=0.1" in shown


def test_the_unit_of_values_is_kept_and_another_refused(tmp_path, cli_run):
    rows = [f"{at},{(at * 7 % 41) / 2 + at} EUR" for at in range(60)]
    for name, unit in (("a", "EUR"), ("b", "USD")):
        lines = "\n".join(["x,price", *rows]).replace("EUR", unit)
        (tmp_path / f"{name}.csv").write_text(lines)
    word, other = (f"csv:{tmp_path / name}.csv,target=price" for name in "ab")
    assert cg.dataset(word).signature.output.unit == "EUR"
    run = tmp_path / "run"
    shown = cli_run("train", "mlp:widths=[4]", "--data", word, "--epochs", "1", "--folder", run)
    assert "rmse and mae are in EUR (price)" in shown.out
    assert cg.predict(run, tmp_path / "a.csv")[0]["unit"] == "EUR"
    done = cli_run("evaluate", run, "--data", other)
    assert done.code == 2
    assert "answers in the unit EUR, the data has USD" in done.err.splitlines()[-1]


def test_a_run_without_a_checkpoint_begins_anew_and_says_so(cli_run, tmp_path):
    assert cli_run("train", *QUICK, "--folder", tmp_path / "a").code == 0
    again = cli_run("train", tmp_path / "a", "--resume")
    assert "begins anew" not in again.err
    for step in (tmp_path / "a/checkpoints").glob("step-*"):
        shutil.rmtree(step)
    again = cli_run("train", tmp_path / "a", "--resume")
    assert again.code == 0
    assert f"{tmp_path / 'a'} holds no checkpoint yet, so its run begins anew" in again.err
