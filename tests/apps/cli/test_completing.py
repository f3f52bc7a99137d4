"""What a shell offers where a word is typed."""

import subprocess

import pytest

from cartograd.apps.cli import application, shells
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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_every_shell_has_a_script_that_asks(shell):
    script = shells.script(application(), shell)
    assert "__complete" in script
    assert "train" in script
    assert ("compadd -S ''" in script) == (shell == "zsh")  # no space behind a key


def test_bash_is_told_of_words_with_colons(cli_run, tmp_path):
    """The function that puts words together calls cyclopts' own, and is what bash calls."""
    done = cli_run("--install-completion", "--shell", "bash", "--output", str(tmp_path / "script"))
    assert done.code == 0
    script = (tmp_path / "script").read_text()
    assert script == shells.script(application(), "bash")
    lines = [line.strip() for line in script.splitlines()]
    assert lines.index("_cartograd() {") < lines.index("_cartograd_whole() {")
    assert [line for line in lines if line.startswith("complete ")] == [
        "complete -F _cartograd_whole cartograd"
    ]
    assert "_cartograd" in lines[lines.index("_cartograd_whole() {") :]
    done = cli_run("--install-completion", "--shell", "bash", "--output", "/dev/null/a/b")
    assert (done.code, done.err.count("cannot be written: Not a directory")) == (2, 1)


BASH = r"""
source "$1"
shift
COMP_LINE="$1" COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2)) COMP_WORDBREAKS=$' \t\n"><=;|&(:'
_cartograd() { printf '%s\n' "${COMP_WORDS[@]}" "at $COMP_CWORD"; COMPREPLY=("${OFFERS[@]}"); }
OFFERS=('mlp:widths=\[3\]\,dropout=' 'mlp:widths=\[3\]\,norm=')
_cartograd_whole
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("line", "parted", "whole"),
    [
        (
            "cartograd train mlp:widths=[3],",
            ["cartograd", "train", "mlp", ":", "widths", "=", "[3],"],
            ["cartograd", "train", "mlp:widths=[3],", "at 2", "[3],dropout=", "[3],norm="],
        ),
        (
            "cartograd train a  --data=mlp:",
            ["cartograd", "train", "a", "--data", "=", "mlp", ":"],
            ["cartograd", "train", "a", "--data", "=", "mlp:", "at 5", "widths=[3],dropout=",
             "widths=[3],norm="],
        ),
        (
            "cartograd a : b",
            ["cartograd", "a", ":", "b"],
            ["cartograd", "a", ":", "b", "at 3", "mlp:widths=[3],dropout=",
             "mlp:widths=[3],norm="],
        ),
    ],
)  # fmt: skip
def test_what_bash_parted_is_one_word(line, parted, whole):
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", str(shells.WHOLE), line, *parted],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == whole
