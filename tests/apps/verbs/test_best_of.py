"""The best of several answers, by the function and by the command line."""

import pytest

from cartograd.apps.verbs.generate import generate, stream
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import write_bundle
from tests.apps.verbs.test_generate import writer
from tests.commands import command

MODULE = """
def vowels(texts, prompts):
    assert prompts == ["Once"] * len(texts)
    return [sum(map(text.count, "aeiou")) for text in texts]

def broken(texts):
    return [float("nan")] * len(texts)
"""


@pytest.fixture
def cli_run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "judges_here.py").write_text(MODULE)
    write_bundle(tmp_path / "b", writer())
    return command(capsys, monkeypatch)


@pytest.mark.place("llm/rlhf")
def test_the_best_of_several_is_one_of_them_and_none_is_better():
    model, seen = writer(), list[list[str]]()

    def reward(texts):
        seen.append(texts)
        return [len(set(text)) for text in texts]

    prompts = ["Once", "a"]
    best = generate(model, prompts, best_of=6, reward=reward, length=12, seed=4)
    drawn = generate(model, prompts, count=6, length=12, seed=4)
    assert seen == [[one.text for one in drawn]]
    for place, one in enumerate(best):
        own = drawn[6 * place : 6 * place + 6]
        assert one.prompt == prompts[place]
        assert one.text in [other.text for other in own]
        assert one.reward == max(len(set(other.text)) for other in own)
    assert len({one.text for one in drawn[:6]}) > 1


def test_samplers_forms_and_the_stream_are_as_of_one():
    model, options = writer(), {"best_of": 3, "reward": "brevity", "length": 8}
    one = generate(model, "Once", pattern="^[ab]{1,4}$", **options)[0]
    assert one.reward == -len(one.text)
    assert set(one.text) <= set("ab")
    assert "".join(stream(model, "Once", **options)) == generate(model, "Once", **options)[0].text
    greedy = generate(model, "Once", samplers="greedy", **options)[0]
    assert greedy.text == generate(model, "Once", length=8)[0].text


def test_the_command_says_it_and_a_function_is_allowed_by_import(cli_run):
    words = ("generate", "b", "Once", "--best-of", 4, "--length", 9)
    found = cli_run(*words, "--reward", "letter-e", "--json").json
    assert found["reward"] == found["text"].count("e")
    assert cli_run(*words, "--reward", "letter-e").out.strip() == found["text"].strip()
    done = cli_run(
        *words, "--reward", "judges_here:vowels", "--import", "judges_here", "--json"
    ).json
    assert done["reward"] == sum(map(done["text"].count, "aeiou"))
    assert cli_run("generate", "b", "Once", "--length", 3, "--json").json["reward"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--best-of", "4"), "best_of=4 keeps the answer that a reward likes best; name one"),
        (("--reward", "words"), "say how many: best_of=8"),
        (("--best-of", "0", "--reward", "words"), "best_of=0 is out of range"),
        (("--best-of", "4", "--reward", "wrods"), "did you mean 'words'"),  # codespell:ignore
        (("--best-of", "4", "--reward", "judges_here:vowels"), "give --import judges_here if you"),
        (
            ("--best-of", "4", "--reward", "words", "--beams", "2"),
            "does not sample; give no sampler, seed or",
        ),
        (("--best-of", "4", "--reward", "words", "--count", "3"), "keeps one answer, and count=3"),
        (("--best-of", "4", "--reward", "b"), "expected the bundle of a reward model"),
        (
            ("--best-of", "2", "--reward", "judges_here:broken", "--import", "judges_here"),
            "to the prompt 'Once' is nan; expected a finite number",
        ),
    ],
)
def test_mistakes(cli_run, words, message):
    done = cli_run("generate", "b", "Once", "--length", "4", *words)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert message in done.err
    assert not done.out


def test_a_number_below_one_is_refused_before_a_model_is_read():
    with pytest.raises(UsageError, match="best_of=-3 is out of range"):
        generate("nowhere", "Once", best_of=-3, reward="words")
