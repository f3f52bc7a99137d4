"""Private training from the command line."""

import pytest

import cartograd as cg


@pytest.mark.journey
def test_a_private_run_says_what_it_bounds_and_keeps_its_account(cli_run, tmp_path):
    words = ["train", "mlp:widths=[8]", "--data", "digits", "--epochs", 2, "--folder", "r", "--set"]
    done = cli_run(*words, "privacy=dp-sgd:epsilon=2,delta=1e-4", "batch_size=256")
    assert done.code == 0, done.err
    assert "standardised by their bounds" in done.err
    assert "eps = 2 at delta = 0.0001 after 10 steps" in done.err
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
    done = cli_run(*words, "privacy=dp-sgd:delta=1e-3,public_statistics=true")
    assert done.code == 0, done.err
