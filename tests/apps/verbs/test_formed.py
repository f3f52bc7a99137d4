"""Texts that have to follow a schema, a grammar or a pattern."""

import json
import re

import pytest

from cartograd.apps.verbs.generate import generate, stream
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.bundle import write_bundle
from tests.apps.verbs.test_generate import translator, writer
from tests.commands import command

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 6}, "old": {"type": "boolean"}},
    "required": ["name", "old"],
}
SUM = 'root ::= n ("+" n)*\nn ::= [1-9] [0-9]?'


@pytest.mark.parametrize("options", [{}, {"seed": 3}, {"seed": 4, "samplers": "top-k:k=50"}])
def test_every_text_has_its_form(options):
    prompts = ["Once", "a", "what is this?"]
    for text in generate(writer(), prompts, length=36, schema=SCHEMA, **options):
        said = json.loads(text.text)
        assert list(said) == ["name", "old"]
        assert len(text.tokens) <= 36
    for text in generate(writer(), prompts, length=9, grammar=SUM, **options):
        assert re.fullmatch(r"[1-9]\d?(\+[1-9]\d?)*", text.text)
    for text in generate(writer(), prompts, length=9, pattern="^[xyz]{2,4}!$", **options):
        assert re.fullmatch("[xyz]{2,4}!", text.text)
        assert text.ended


def test_a_stream_is_the_same_text():
    told = {"length": 30, "schema": json.dumps(SCHEMA), "seed": 1}
    assert "".join(stream(writer(), "Once", **told)) == generate(writer(), "Once", **told)[0].text


def test_a_vocabulary_without_an_end_and_an_encoder_decoder():
    plain = writer(Tokenizer.bytes())
    answer = generate(plain, "Once", length=20, pattern="^(no|yes)$")[0]
    assert answer.text in ("no", "yes")
    assert answer.ended
    answer = generate(translator(), ["one"], length=8, pattern="^(no|yes)$", seed=0)[0]
    assert answer.text in ("no", "yes")


def test_on_the_command_line(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    run = command(capsys, monkeypatch)
    write_bundle(tmp_path / "b", writer())
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    done = run("generate", "b", "Once", "--length", "40", "--schema", "s.json")
    assert json.loads(done.out) == json.loads(
        generate(tmp_path / "b", "Once", length=40, schema=SCHEMA)[0].text
    )
    wrong = {
        ("--schema", "t.json"): "there is no schema 't.json'",
        ("--schema", '{"type": "strin"}'): "did you mean 'string'",
        ("--schema", "{"): "the schema is no JSON",
        ("--grammar", 'root ::= "a'): "line 1, column 12",
        ("--pattern", "(?=a)"): "looking around is not known",
        ("--pattern", "^aaaa$", "--length", "3"): "length=3 is too short",
        ("--pattern", "a", "--schema", "{}"): "a text has one form",
        ("--pattern", "a", "--beams", "2"): "give no beams or draft with it",
        ("--pattern", "a", "--draft", "b"): "give no beams or draft with it",
    }
    for words, said in wrong.items():
        done = run("generate", "b", "Once", *words)
        assert done.code == 2
        assert said in done.err
        assert len(done.err.splitlines()) == 1
        assert not done.out
