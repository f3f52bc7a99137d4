"""Private training from the command line."""

from types import SimpleNamespace

import pytest

import cartograd as cg
from cartograd.apps.verbs import train as verb
from cartograd.apps.verbs.plan import planned
from cartograd.core.errors import UsageError


@pytest.mark.journey
def test_a_private_run_says_what_it_bounds_and_keeps_its_account(cli_run, tmp_path):
    words = ["train", "mlp:widths=[8]", "--data", "digits", "--epochs", 2, "--folder", "r", "--set"]
    done = cli_run(*words, "privacy=dp-sgd:epsilon=2,delta=1e-4", "batch_size=256")
    assert done.code == 0, done.err
    assert "standardised by their bounds" in done.err
    assert "eps = 2 at delta = 0.0001 after 10 steps" in done.err
    for shown in (cli_run("runs", "show", "r").out, (tmp_path / "r/report.html").read_text()):
        assert "eps = 2 at delta = 0.0001" in " ".join(shown.split())
    bundle = cg.load("r")
    account = bundle.about["privacy"]
    assert account["epsilon"] == pytest.approx(2, rel=0.01)
    assert account["steps"] == 10
    assert (bundle.model.signature.input.mean, bundle.model.signature.input.std) == ((0.5,), (0.5,))
    assert "secret" not in str(list(bundle.model.state_dict()))
    for more, why in {
        "accumulate=2": "noise comes to whole batches",
        "class_weights=balanced": "examples have to count alike",
        "precision=bf16-emulated": "needs precision=float32",
        "objective=classify:mix=mixup": "depends on the others",
    }.items():
        bad = cli_run(*words[:6], "--folder", "bad", "--set", "privacy=dp-sgd:delta=1e-4", more)
        assert bad.code == 2
        assert why in bad.err
        assert not (tmp_path / "bad").exists()


def test_tables_whose_statistics_would_be_told_are_refused(cli_run, tmp_path):
    rows = "\n".join(f"{i % 7},{i * 0.37:.2f},{'yes' if i % 3 else 'no'}" for i in range(200))
    (tmp_path / "t.csv").write_text(f"a,b,y\n{rows}\n")
    words = ("train", "mlp", "--data", "csv:t.csv,target=y", "--epochs", 1, "--set")
    done = cli_run(*words, "privacy=dp-sgd:delta=1e-3")
    assert done.code == 2
    assert "mean and spread of its training examples" in done.err
    done = cli_run(*words, "federated=fedavg", "--set", "privacy=dp-fedavg:noise=1")
    assert "say so: privacy=dp-fedavg:public_statistics=true" in done.err
    done = cli_run(*words, "privacy=dp-sgd:delta=1e-3,public_statistics=true")
    assert done.code == 0, done.err


def test_vocabularies_of_the_training_texts_are_refused(cli_run, tmp_path):
    rows = "\n".join(
        f"film {i} of ours was {'good' if i % 2 else 'bad'},{i % 2}" for i in range(100)
    )
    (tmp_path / "t.csv").write_text(f"text,label\n{rows}\n")
    words = ("train", "lstm", "--data", "csv:t.csv,target=label", "--dry-run", "--set")
    done = cli_run(*words, "privacy=dp-sgd:delta=1e-3")
    assert done.code == 2
    assert "a rare word would be told" in done.err
    done = cli_run(*words, "privacy=dp-sgd:delta=1e-3,public_statistics=true")
    assert done.code == 0, done.err
    assert done.err.count("eps = 3 at delta = 0.001") == 1  # a dry run has the account
    assert "performance drop" not in done.err


def test_what_nobody_asked_for_gives_way_to_privacy():
    # ddpm clips gradients unless told otherwise
    plan = planned("ddpm", "digits", epochs=1, privacy="dp-sgd:noise=1,delta=1e-4")
    assert plan.value("clip") is None
    with pytest.raises(UsageError, match="clip=norm:max=2 does not go with"):
        planned("ddpm", "digits", epochs=1, privacy="dp-sgd:delta=1e-4", clip="norm:max=2")


def test_several_processes_are_refused(monkeypatch, tmp_path):
    two = SimpleNamespace(size=2, sharded=False)
    monkeypatch.setattr(verb, "process_group", lambda *_: two)
    with pytest.raises(UsageError, match="privacy=dp-sgd:delta=1e-4 is for one process"):
        cg.train("mlp", "digits", privacy="dp-sgd:delta=1e-4", folder=tmp_path / "r")
    assert not (tmp_path / "r").exists()
