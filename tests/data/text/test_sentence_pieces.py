"""The tokenizers in the headers of files: SentencePiece's pieces, and published vocabularies."""

import io
import random

import gguf as reference
import pytest
import sentencepiece

from cartograd.core.errors import UsageError
from cartograd.data.gguf.reader import GGUF
from cartograd.data.gguf.tokenizer import tokenizer_of
from cartograd.data.gguf.tokenizer_back import values_of
from cartograd.data.gguf.writer import write_gguf
from cartograd.data.store import packages
from cartograd.data.text.tokenizer import Tokenizer

TEXT = [
    "The quick brown fox jumps over the lazy dog; the dog, being lazy, does not mind.",
    "In the beginning was the word, and the words were 12345 and 67890.",
    "    def forward(self, x):\n        return self.layer(x)  # two  spaces",
    "naïve café — 中文的句子,没有空格。 😀",
    "   \t\n\n", "", " leading and trailing ", "aaaaaaaaaa",
]  # fmt: skip


@pytest.fixture(scope="module")
def theirs():
    """SentencePiece, trained as Llama's tokenizer was."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT[:4] * 20), model_writer=out, vocab_size=420,
        model_type="bpe", byte_fallback=True, split_digits=True, character_coverage=0.98,
        normalization_rule_name="identity", remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True, user_defined_symbols=["<fim>"], minloglevel=2,
    )  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())


def written(path, theirs, *, kind="llama", without=(), cut=0, unknown=0, **flags):
    """Its pieces as llama.cpp's converter writes them."""
    numbers = range(theirs.get_piece_size())
    types = [
        2 if theirs.is_unknown(i) else 3 if theirs.is_control(i) else 6 if theirs.is_byte(i)
        else 4 if theirs.id_to_piece(i) == "<fim>" else 1
        for i in numbers
    ]  # fmt: skip
    writer = reference.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(kind)
    writer.add_token_list([theirs.id_to_piece(i) for i in numbers])
    if "scores" not in without:
        writer.add_token_scores([theirs.get_score(i) for i in numbers][cut:])
    writer.add_token_types(types)
    writer.add_unk_token_id(unknown)
    for name, value in flags.items():
        writer.add_bool(f"tokenizer.ggml.{name}", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return GGUF(path)


def pieces_and_noise(theirs, seed):
    """Text in which pieces meet as they never do."""
    draw = random.Random(seed)
    normal = [theirs.id_to_piece(i) for i in range(theirs.get_piece_size()) if theirs.get_score(i)]
    return "".join(draw.choices(normal, k=30)).replace("▁", " ")


@pytest.mark.oracle("gguf")
def test_numbers_are_those_of_sentencepiece(tmp_path, theirs):
    ours = tokenizer_of(written(tmp_path / "toy.gguf", theirs))
    texts = TEXT + [pieces_and_noise(theirs, seed) for seed in range(300)]
    assert len(texts) == 308
    for text in texts:
        assert ours.encode(text, special=False) == theirs.encode(text), repr(text)


@pytest.mark.parametrize("text", ["</s>", "a<s>b", "<unk>", "<0x0A>", "<fim></s>", "<<unk>unk>"])
def test_a_message_never_becomes_a_control_token(tmp_path, theirs, text):
    template = "{% for m in messages %}<s>{{ m.content }}</s>{% endfor %}"
    made = tokenizer_of(written(tmp_path / "toy.gguf", theirs)).told(chat=template)
    numbers = made.chat_numbers(text)
    control = {theirs.unk_id(), theirs.bos_id(), theirs.eos_id(), made.number("<0x0A>")}
    assert [number for number in numbers if number in control] == [
        theirs.bos_id(), theirs.eos_id(),
    ]  # fmt: skip
    assert made.decode(numbers[1:-1], special=True).strip() == text


def test_texts_are_there_and_back(tmp_path, theirs):
    ours = tokenizer_of(written(tmp_path / "toy.gguf", theirs))
    for text in TEXT:
        assert ours.decode(ours.encode(text)) == text
    assert ours.encode("a")[0] == ours.begin == theirs.bos_id()
    assert (ours.end, ours.unknown, ours.padding) == (theirs.eos_id(), theirs.unk_id(), None)


def test_what_the_file_says_of_spaces_and_ends(tmp_path, theirs):
    flags = {"add_space_prefix": False, "add_bos_token": False, "add_eos_token": True}
    ours = tokenizer_of(written(tmp_path / "toy.gguf", theirs, **flags))
    assert ours.token(ours.encode("the")[0])[0] == "t"
    assert ours.encode("the")[-1] == ours.end
    assert ours.decode(ours.encode(" the")) == " the"


@pytest.mark.parametrize("name", ["gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2"])
def test_published_vocabularies_number_texts_as_llama_cpp_does(name):
    try:
        folder = packages.where("llama-cpp-vocabularies")
    except UsageError as error:
        pytest.skip(f"vocabularies: {error}")
    ours = tokenizer_of(GGUF(folder / f"{name}.gguf"))
    said = (folder / f"{name}.gguf.inp").read_text(encoding="utf-8")
    texts = said.split("\n__ggml_vocab_test__\n")
    numbers = (folder / f"{name}.gguf.out").read_text().split("\n")
    assert len(texts) == 47
    for text, expected in zip(texts, numbers, strict=True):
        assert ours.encode(text, special=False) == [int(n) for n in expected.split()], repr(text)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"without": ("scores",)}, r"toy.gguf: its tokenizer has no scores"),
        ({"cut": 1}, r"its tokenizer has 420 tokens and 419 of scores"),
        ({"unknown": 420}, r"has 420 tokens, and that for 'unknown' would be number 420"),
        ({"kind": "bert"}, r"its tokenizer is of kind 'bert'; only byte-level BPE"),
    ],
)
def test_headers_that_cannot_be_used_are_refused(tmp_path, theirs, change, told):
    with pytest.raises(UsageError, match=told):
        tokenizer_of(written(tmp_path / "toy.gguf", theirs, **change))


@pytest.mark.law("gguf-file")
@pytest.mark.parametrize("spaced", [True, False])
def test_pieces_go_back_into_a_header(tmp_path, theirs, spaced):
    """Written again, they are the same pieces of the same types, and cut texts the same."""
    first = written(tmp_path / "toy.gguf", theirs, add_space_prefix=spaced)
    ours = tokenizer_of(first)
    again = GGUF(write_gguf(tmp_path / "again.gguf", values_of(ours, ours.vocabulary), {}))
    for name in ("tokens", "token_type", "unknown_token_id", "model"):
        assert again.values[f"tokenizer.ggml.{name}"] == first.values[f"tokenizer.ggml.{name}"]
    back = tokenizer_of(again)
    for text in TEXT + [pieces_and_noise(theirs, seed) for seed in range(50)]:
        assert back.encode(text) == ours.encode(text)
    assert back.to_json() == ours.to_json()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"normalizer": {"type": "NFKC"}}, "changes texts in a way that has no name in GGUF"),
        ({"normalizer": None}, "changes texts in a way that has no name in GGUF"),
        ({"model": {"merges": [["a", "b"]]}}, "joins pairs that no score of pieces says"),
        ({"model": {"unk_token": None}}, "has no piece for what is unknown"),
    ],
)
def test_pieces_that_cannot_be_said_are_refused(tmp_path, theirs, change, told):
    ours = tokenizer_of(written(tmp_path / "toy.gguf", theirs))
    document = dict(ours.document)
    model = document["model"] | change.get("model", {})
    other = Tokenizer(document | change | {"model": model}, **ours.settings)
    with pytest.raises(UsageError, match=told):
        values_of(other, other.vocabulary)
