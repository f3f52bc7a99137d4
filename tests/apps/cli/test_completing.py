"""What a shell offers where a word is typed."""

import pytest

from cartograd.apps.cli import application
from cartograd.apps.cli.completing import METHODS, offered
from cartograd.apps.cli.lookups import CHECKS, WHOLE
from cartograd.core.card import KINDS

FREE = {"config"}
"""Arguments that are files alone."""


@pytest.fixture
def words(cli_run, tmp_path):
    """What completes a command line, with a run and a table in its folder."""
    run = tmp_path / "runs" / "mlp-moons-1"
    run.mkdir(parents=True)
    (run / "events.jsonl").write_text('{"event": "finished", "time": 1.0}\n')
    (tmp_path / "churn.csv").write_text("a,b\n1,2\n")

    def complete(*typed):
        _, begun, rest = cli_run("__complete", *typed).out.partition("\x1fbegin\n")
        assert begun
        return [line.partition("\t")[0] for line in rest.splitlines()]

    return complete


@pytest.mark.parametrize(
    ("typed", "some"),
    [
        (("train", ""), {"lenet5", "resnet18", "smollm2", "runs/mlp-moons-1", "auto", "runs/"}),
        (("train", "mlp"), {"mlp", "mlp:widths="}),
        (("train", "mlp:"), {"mlp:widths=", "mlp:dropout="}),
        (("train", "mlp:widths=[3,4],"), {"mlp:widths=[3,4],dropout="}),
        (("train", "mlp", "--data", ""), {"digits", "csv", "churn.csv"}),
        (("train", "mlp", "--data", "digits:"), {"digits:valid="}),
        (("train", "mlp", "--optimizer", ""), {"adamw", "sgd", "lion"}),
        (("train", "mlp", "--set", ""), {"batch_size=", "objective="}),
        (("train", "mlp", "--set", "objective="), {"objective=classify"}),
        (("train", "mlp", "--set", "augment=crop:"), {"augment=crop:padding="}),
        (("evaluate", ""), {"runs/mlp-moons-1", "smollm2", "runs/"}),
        (("evaluate", "runs/"), {"runs/mlp-moons-1"}),
        (("evaluate", "x", "--metrics", "accuracy,"), {"accuracy,f1"}),
        (("evaluate", "x", "--part", ""), {"train", "valid", "test", "all"}),
        (("evaluate", "x", "--device", ""), {"auto", "cpu", "cuda", "mps"}),
        (("attack", "x", "--method", "pgd:"), {"pgd:eps=", "pgd:steps="}),
        (("compress", "x", "--steps", ""), {"distill", "prune-channels"}),
        (("runs", "show", ""), {"runs/mlp-moons-1"}),
        (("show", ""), {"lenet5", "model", "activation/relu", "settings"}),
        (("learn", ""), {"autodiff"}),
        (("trace", ""), {"descent", "maps"}),
    ],
)
def test_words_are_offered(words, typed, some):
    assert some <= set(words(*typed))


def test_a_key_that_is_there_is_not_offered_again(words):
    found = words("train", "mlp:dropout=0.1,")
    assert "mlp:dropout=0.1,widths=" in found
    assert not any(word.endswith(",dropout=") for word in found)


def test_whatever_is_typed_is_no_mistake(words):
    for typed in ("mlp:widths=[", "(((", "nowhere/at/all/", ",", ":", "=", "~"):
        words("train", typed)
        words("train", "mlp", "--set", typed)
        words("evaluate", "x", "--metrics", typed)


def test_all_that_is_looked_up_is_offered():
    for what in {*CHECKS, *WHOLE} - FREE:
        assert what in METHODS or offered(what, ""), what
    assert {kind for kinds in METHODS.values() for kind in kinds} <= set(KINDS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script_that_asks(shell):
    script = application().generate_completion(shell=shell)
    assert "__complete" in script
    assert "train" in script
