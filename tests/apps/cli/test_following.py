"""What may come next: every verb says so, or why not, and a shell reads the line as it is meant."""

import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from cartograd.apps.cli import COMMANDS, following
from cartograd.apps.cli.following import line, of_seeds, of_state
from tools.source import ROOT

SILENT = {
    "predict": "its rows are the answers, for people and for programs",
    "generate": "what it prints is the model's text",
    "ask": "what it prints is the model's answer",
    "serve": "it goes on, and says where it answers",
    "coverage": "each row has a line to try",
    "league": "its last line does it again",
    "version": "one word, for programs",
}
"""Verbs whose last line is no command, and why."""

WORDS = ("runs/my net-1", "=ls", "a[1]*?.csv", "~/x", "~", "it's", "=it's", "a=b c", "{a,b}", "!1",
         "#x", "$HOME", "mlp:widths=[8]", "%1", "^a", "留言.csv", "a;b", "")  # fmt: skip
SHELLS = [path for path in map(shutil.which, ("bash", "zsh")) if path]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_the_words_that_were_meant(shell):
    text = line(*WORDS).removeprefix("cartograd ")
    done = subprocess.run(
        [shell, "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == list(WORDS)
    assert shlex.split(text) == list(WORDS)


def test_zsh_would_put_a_program_in_place_of_a_word():
    assert line("=ls", "a=b") == "cartograd '=ls' a=b"


def test_every_verb_says_what_comes_next_or_why_not():
    folder = ROOT / "src/cartograd/apps/cli"
    verbs = [name for names in COMMANDS.values() for name in names]
    speaks = {name for name in verbs if "following" in (folder / f"{name}_.py").read_text()}
    told = {"generate"}  # of examples that it draws
    assert speaks - {"learn"} == set(verbs) - SILENT.keys() - {"learn"}
    assert told <= SILENT.keys()
    assert all(map(str.strip, SILENT.values()))


def test_where_a_run_stands_says_how_to_go_on():
    run = Path("runs/a b")
    commands = [of_state(run, state, measured=measured)[0][1] for state, measured in
                (("interrupted", False), ("finished", True), ("failed", False))]  # fmt: skip
    assert commands == [
        "cartograd train 'runs/a b' --resume", "cartograd evaluate 'runs/a b'",
        "cartograd diagnose 'runs/a b'",
    ]  # fmt: skip


def test_trainings_by_seeds_are_compared_with_the_last_others():
    assert of_seeds(Path("runs/b"), Path("runs/b-seed0"), [])[0][1].endswith("runs/b-seed0")
    found = of_seeds(Path("runs/b"), Path("runs/b-seed0"), [Path("runs/z"), Path("runs/[a]")])
    assert found[0][1] == "cartograd runs compare 'runs/[[]a]-seed*' 'runs/b-seed*'"


def test_models_that_draw_draw_and_others_are_measured(tmp_path):
    import cartograd as cg
    from cartograd.core.ports import Signature

    (tmp_path / "config.toml").touch()
    signature: Signature = cg.dataset("moons").signature
    told = following.of_run("explain", tmp_path, signature)
    assert told == following.following("explain", tmp_path)
    assert following.of_run("explain", tmp_path / "elsewhere", signature) == []


@pytest.mark.parametrize(
    ("metrics", "more"),
    [(("accuracy", "f1"), []), (("rmse", "r2"), ["--margin", "r2=0.01"]), (("dice",), None)],
)
def test_two_runs_are_held_against_a_margin_that_they_have(metrics, more):
    told = following.of_two("a", "b", metrics)
    assert told == ([] if more is None else following.following("replace", "a", "b", *more))


@pytest.mark.untyped
def test_chats_are_learned_with_weights_that_have_to_be_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path))
    card = SimpleNamespace(source="chats", findings=())
    assert following.of_data("c.jsonl", None, card) == following.following("data", "get", "smollm2")
