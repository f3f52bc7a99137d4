import json

import pytest

from cartograd.apps.verbs.diagnose_length import diagnose_length
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import write_bundle
from tests.apps.verbs.test_generate import translator, writer
from tests.commands import command

SHORT = ("--lengths", "140,180", "--depths", "2", "--trials", "2")


@pytest.fixture
def cli_run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


@pytest.fixture
def bundle(tmp_path):
    write_bundle(tmp_path / "b", writer(context=200))
    (tmp_path / "text.txt").write_text("Call me Ishmael. Some years ago, never mind how long. " * 9)
    return tmp_path / "b"


@pytest.mark.place("llm/long-context")
@pytest.mark.chart
def test_needles_and_loss_by_position_on_the_command_line(cli_run, bundle, tmp_path):
    done = cli_run("diagnose", "b", "--looks", "needle,position", "--data", "text.txt", *SHORT)
    assert done.code == 0
    for words in ("likeliest of 4", "bits per byte", "180", "1 to 22", "report"):
        assert words in done.out
    assert "needle: 4 of 4" in done.err
    page = (tmp_path / "diagnosis-b-length.html").read_text()
    assert page.count("<svg role") == 2
    assert "Needle in a haystack" in page
    found = diagnose_length(bundle, lengths=(140, 180), depths=2, trials=2, looks=("needle",))
    said = cli_run("diagnose", "b", "--looks", "needle", *SHORT, "--json", "--window", "190")
    assert said.json["needle"] == json.loads(json.dumps(found.needle.__dict__))
    assert said.json["kept"] == "4 sinks + 190"


def test_a_window_reads_needles_beyond_the_context(bundle):
    found = diagnose_length(
        bundle, looks=("needle",), lengths=(210,), depths=1, trials=1, window=20, sinks=2
    )
    assert found.needle.lengths == (210,)
    usual = diagnose_length(bundle, looks=("needle",), depths=1, trials=1)
    assert usual.needle.lengths == (194,)  # the context without a space and five digits


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--looks", "position"), "position needs a text: give data"),
        (
            ("--looks", "position", "--data", "nowhere.txt"),
            "there is no file or folder nowhere.txt",
        ),
        (("--looks", "position", "--data", "text.txt", "--lengths", "600"), "than the context of"),
        (("--looks", "needle,noise"), "noise looks at training"),
        (("--looks", "needle", "--lengths", "many"), "--lengths many is no number of tokens"),
        (("--looks", "needle", "--lengths", "20"), "more than length=20"),
        (("--looks", "needle", "--optimizer", "sgd"), "--optimizer is of looks at training"),
        (("--data", "digits", "--depths", "3"), "--depths is of looks at long texts"),
        (("--looks", "needle", "--trials", "0"), "trials is too small"),
    ],
)
def test_mistakes(cli_run, bundle, tmp_path, words, message):
    done = cli_run("diagnose", "b", *words)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert message in done.err
    assert not done.out
    assert not list(tmp_path.glob("*.html"))


def test_of_models_that_go_on_from_a_text():
    with pytest.raises(UsageError, match="answers sources"):
        diagnose_length(translator(), looks=("needle",))
