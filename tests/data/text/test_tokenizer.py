"""Tokenizers: there and back, in rows, in files, in chats, and never with another's model."""

import json

import pytest
import tokenizers
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.decode.read import read
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import KINDS

TEXTS = ["the cat sat on the mat", "a dog sat on the log", "naïve cats; 猫也坐在垫子上"] * 20
CHAT = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}{{ eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def port(vocabulary, padding=0):
    return Port("text", "text", ("t",), "int64", (0, vocabulary - 1), padding_id=padding)


@pytest.mark.parametrize("kind", KINDS)
def test_trained_there_and_back(kind):
    made = Tokenizer.train(TEXTS, vocabulary=320, kind=kind)
    assert (made.padding, made.unknown, made.begin, made.end, made.mask) == (0, 1, 2, 3, 4)
    assert 20 < made.vocabulary <= 320
    text = "the cat sat on a log"
    numbers = made.encode(text)
    assert len(numbers) < len(text)
    assert made.decode(numbers) == text
    again = Tokenizer.from_json(made.to_json())
    assert again == made
    assert again.encode(text) == numbers


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_the_same_texts_give_the_same_tokenizer(kind):
    first, *others = (Tokenizer.train(iter(TEXTS), vocabulary=300, kind=kind) for _ in range(5))
    assert all(other == first for other in others)


def test_bpe_knows_every_text():
    made = Tokenizer.train(TEXTS, vocabulary=300)
    for text in ("Ω😀\n\t never seen", " leading", "naïve"):
        assert made.decode(made.encode(text)) == text


def test_training_says_what_is_wrong():
    with pytest.raises(UsageError, match="unknown kind of tokenizer 'bpo'; did you mean 'bpe'"):
        Tokenizer.train(TEXTS, vocabulary=300, kind="bpo")
    with pytest.raises(UsageError, match="vocabulary=200 is too small; bpe needs at least 261"):
        Tokenizer.train(TEXTS, vocabulary=200)


def test_equal_to_the_package():
    made = Tokenizer.train(TEXTS, vocabulary=300)
    theirs = tokenizers.Tokenizer.from_str(json.dumps(made.document))
    for text in TEXTS[:3]:
        assert made.encode(text) == theirs.encode(text).ids
        assert made.decode(theirs.encode(text).ids) == theirs.decode(theirs.encode(text).ids)
    assert made.vocabulary == theirs.get_vocab_size()
    assert Tokenizer.from_json(theirs.to_str()).special == made.special


def test_bytes():
    plain, more = Tokenizer.bytes(), Tokenizer.bytes(special=True)
    assert plain.encode("é") == [195, 169]
    assert (plain.vocabulary, plain.padding) == (256, None)
    assert (more.vocabulary, more.padding, more.begin, more.end) == (259, 256, 257, 258)
    assert more.decode([257, 104, 105, 258, 256]) == "hi"
    assert plain.decode([195]) == "\ufffd"
    assert [more.token(i) for i in (104, 195, 256)] == ["h", "<0xC3>", "<padding>"]
    assert Tokenizer.from_json(more.to_json()) == more
    assert plain.number("h") == 104
    assert plain.number("hi") is None


def test_rows_are_filled_up_on_the_right():
    made = Tokenizer.bytes(special=True)
    rows = made.batch(["ab", "abcd"])
    assert rows.tolist() == [[97, 98, 256, 256], [97, 98, 99, 100]]
    assert rows.dtype == torch.int64
    short = made.told(longest=3)
    assert short.batch(["ab", "abcd"]).tolist() == [[97, 98, 256], [97, 98, 99]]
    assert Tokenizer.from_json(short.to_json()).told().longest == 3
    with pytest.raises(UsageError, match="no number means padding"):
        Tokenizer.bytes().batch(["ab", "abcd"])
    with pytest.raises(UsageError, match="nothing was given"):
        made.batch([])


def test_numbers_that_do_not_exist():
    made = Tokenizer.bytes()
    with pytest.raises(UsageError, match="there is no token 256; there are 256"):
        made.decode([97, 256])
    with pytest.raises(UsageError, match="there is no token -1"):
        made.token(-1)


def bert(folder, **config):
    """A folder like those of BERT, whose tokenizer has padding and truncation of its own."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s"]
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]")
    )
    inner.normalizer = tokenizers.normalizers.BertNormalizer()
    inner.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    inner.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    inner.add_special_tokens(words[:5])
    inner.enable_truncation(4)
    inner.enable_padding(length=4)
    inner.save(str(folder / "tokenizer.json"))
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return Tokenizer.from_folder(folder)


def test_a_folder_of_hugging_face(tmp_path):
    made = bert(tmp_path)
    assert (made.padding, made.unknown, made.begin, made.end, made.mask) == (0, 1, 2, 3, 4)
    assert made.encode("The cats sat") == [2, 5, 6, 8, 7, 3]
    assert made.encode("The cats sat", special=False) == [5, 6, 8, 7]
    assert made.batch(["the", "the [MASK]"]).tolist() == [[2, 5, 3, 0], [2, 5, 4, 3]]
    assert made.decode([2, 5, 6, 3]) == "the cat"
    assert made.decode([2, 5, 3], special=True) == "[CLS] the [SEP]"


def test_a_long_text_is_cut_and_keeps_its_end(tmp_path):
    made = bert(tmp_path).told(longest=4)
    assert made.encode("The cats sat") == [2, 5, 6, 3]
    assert made.spans("The cats sat") == [(0, 0), (0, 3), (4, 7), (0, 0)]
    assert made.spans("cats") == [(0, 0), (0, 3), (3, 4), (0, 0)]
    with pytest.raises(UsageError, match="part of a letter"):
        Tokenizer.bytes().spans("a")


def test_what_the_configuration_says_wins(tmp_path):
    said = {"eos_token": {"content": "[MASK]"}, "bos_token": None, "chat_template": "{{ 1 + 1 }}"}
    made = bert(tmp_path, **said)
    assert made.end == 4
    assert made.chat("x") == "2"
    with pytest.raises(UsageError, match=r"eos_token='\[END\]' is no token of"):
        bert(tmp_path, eos_token="[END]")


def test_chat():
    made = Tokenizer.bytes(special=True).told(chat=CHAT)
    assert made.chat("Hi ") == "<user>Hi<end>\n<assistant>"
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert made.chat(talk, answer=False) == "<system>Be brief.<end>\n<user>Hi<end>\n"
    assert Tokenizer.from_json(made.to_json()).chat("Hi") == made.chat("Hi")
    with pytest.raises(UsageError, match="no template"):
        Tokenizer.bytes().chat("Hi")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ raise_exception('roles must alternate') }}", "says: roles must alternate"),
        ("{% for %}", "cannot be used"),
        ("{{ messages.__class__.__mro__ }}", "cannot be used"),
        ("{{ messages[0].role.first.name }}", "cannot be used"),
    ],
)
def test_a_template_that_refuses_or_is_bad(template, told):
    with pytest.raises(UsageError, match=told):
        Tokenizer.bytes().told(chat=template).chat("Hi")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"model": 3}', '{"tokenizer": {}, "special": {}}', '"text"']
)
def test_what_is_no_tokenizer(text):
    with pytest.raises(UsageError, match="describes no tokenizer"):
        Tokenizer.from_json(text)


def test_a_document_that_the_package_refuses():
    made = Tokenizer.from_json('{"model": {"type": "Strange", "vocab": {}}}')
    with pytest.raises(UsageError, match="describes no tokenizer"):
        made.encode("a")


def test_the_package_is_missing(monkeypatch):
    document = Tokenizer.train(TEXTS, vocabulary=300).to_json()
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    made = Tokenizer.from_json(document)
    assert made.vocabulary > 256
    with pytest.raises(UsageError, match=r"pip install 'cartograd\[text\]'"):
        made.encode("a")


def test_another_models_vocabulary_is_refused():
    made = Tokenizer.bytes(special=True)
    made.check(port(259, None))
    made.check(port(280, 256))
    for vocabulary in (258, 300):
        with pytest.raises(UsageError, match=f"it has 259 tokens and 'text' takes {vocabulary}"):
            made.check(port(vocabulary, None))
    with pytest.raises(UsageError, match="its padding is 256 and that of 'text' is 0"):
        made.check(port(259, 0))


def test_reading_a_port(tmp_path):
    made = Tokenizer.bytes(special=True)
    takes = port(259, 256)
    (tmp_path / "a.txt").write_text("abc")
    found = read(takes, ["a", tmp_path / "a.txt", b"ab"], tokenizer=made)
    assert found.tolist() == [[97, 256, 256], [97, 98, 99], [97, 98, 256]]
    with pytest.raises(UsageError, match="text 2 for 'text' is empty"):
        read(takes, ["a", ""], tokenizer=made)
    with pytest.raises(UsageError, match="text 1 is not UTF-8"):
        read(takes, [b"\xff"], tokenizer=made)
    with pytest.raises(UsageError, match="there is no tokenizer"):
        read(takes, ["a"])
    with pytest.raises(UsageError, match="does not match"):
        read(port(999), ["a"], tokenizer=made)
