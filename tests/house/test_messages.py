"""The catalogue: what the code says stands in it, and its Chinese is as a reader expects it."""

from functools import cache

import pytest

from cartograd.core.catalogue import FOLDER
from cartograd.core.po_file import read
from tools import message_source, messages
from tools.message_source import Message

pytestmark = pytest.mark.untyped  # thousands of sentences are looked up

BEHIND = 0.02
"""The share of messages that the files may lack: one is added with the next translation."""

found = cache(messages.found)
known = cache(messages.entries)


def test_the_catalogue_has_what_the_code_says():
    texts = [one.text for part in found().values() for one in part]
    missing = [text for text in texts if text not in known()]
    assert len(missing) <= BEHIND * len(texts), f"run python -m tools.messages: {missing[:20]}"


def test_nothing_is_wrong_with_the_chinese():
    assert messages.check(found()) == []


def test_every_sentence_comes_back_as_its_own_chinese():
    """No two templates are taken for each other, whatever stands in their places."""
    assert list(messages.mistaken(found(), every=4)) == []


@pytest.mark.parametrize(
    ("text", "zh", "fault"),
    [
        ("{path} is missing", "缺少", "the place 'path' is missing"),
        ("{path} is missing", "缺少 {path} {it}", "no place 'it'"),
        ("leave out --data", "省略", "'--data' is missing"),
        ("take lr=0.1", "取 0.1", "'lr=' is missing"),
        ("RMSProp is meant", "指均方根传播", "'RMSProp' is missing"),
        ("one, two", "一,二", "half-width punctuation"),
        ("one (two)", "一(二)", "half-width brackets"),
        ("3 left", "还有3个", "no space"),
        ("one two", "一 二", "a space between Chinese"),
        ("one, two", "一， 二", "a space beside"),
    ],
)
def test_faults_are_told(text, zh, fault):
    assert any(fault in told for told in messages.faults(Message(text, ""), zh))


def test_the_files_are_written_as_they_are_read(tmp_path):
    part = [Message('{n} "example{s}"\n', "a.py", ("{s}: 's' | ''",)), Message("other", "b.py")]
    path = tmp_path / "a.po"
    path.write_text(messages.written("a", part, {"other": "别的"}), encoding="utf-8")
    assert [(text, zh) for text, zh, _ in read(path)] == [(part[0].text, ""), ("other", "别的")]
    assert all(path.stem in found() or path.stem == messages.FOREIGN for path in FOLDER.glob("*"))


SOURCE = '''
"""A docstring is none."""

CARD = Card(title="Not a message of this kind")
WORDS = ("train", "valid")


def check(path, rows, hint):
    """Nor is this one here."""
    assert path, "a bug of ours is none"
    if "no such words in a comparison" in path:
        raise ValueError("nor is an error of ours")
    more = f" {hint}" if hint else ""
    note(f"{len(rows)} row{'s' if len(rows) != 1 else ''} of {path!r}" + more)
    table(("name", "largest error"), [(row.name, "not known" if row else "yes") for row in rows])
    found = "it takes {} of {:.3g}".format(path, 2)
    return {"a key of json": found, "x": WORDS.index("an index of words")}
'''


def test_messages_are_read_from_the_code(tmp_path, monkeypatch):
    monkeypatch.setattr(message_source, "SOURCE", tmp_path)
    path = tmp_path / "core" / "a.py"
    path.parent.mkdir()
    path.write_text(SOURCE, encoding="utf-8")
    found = {one.text: one.choices for one in message_source.messages(path)}
    assert found.pop("{number_of_rows} row{s} of {path}{more}") == ("{s}: 's' | ''",)
    expected = ["name", "largest error", "not known", "yes", "it takes {x1} of {x2}"]
    assert [
        text for text in found if text not in ("a key of json", "an index of words")
    ] == expected
