import json

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.text.clip_tokens import clip_tokens

TEXTS = (
    "a red circle", "A  Cat's\n café!!", "", "un chat 猫 42 <|endoftext|>", "it's 3d, don't", "ß İ"
)  # fmt: skip


def written(folder):
    """A small vocabulary of CLIP's form: bytes, bytes at the end of a word, and some merges."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    merges = ["r e", "re d</w>", "c i", "a t</w>", "c at</w>", "ci r", "c l", "cl e</w>"]
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    tokens += [merge.replace(" ", "") for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(exist_ok=True)
    numbers = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(numbers), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges), encoding="utf-8")
    return folder


@pytest.mark.place("diffusion/latent")
def test_clip_texts_are_cut_as_transformers_cuts_them(tmp_path):
    tokens = pytest.importorskip("transformers.models.clip.tokenization_clip")
    theirs = tokens.CLIPTokenizer.from_pretrained(str(written(tmp_path)))
    ours = clip_tokens(tmp_path)
    for text in TEXTS:
        assert ours.encode(text) == theirs(text)["input_ids"], text
    assert ours.encode("a red cat")[2:-1] == [ours.number("red</w>"), ours.number("cat</w>")]
    assert ours.padding == ours.end == theirs.pad_token_id


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("vocab.json", None, "holds no vocab.json"),
        ("merges.txt", None, "holds no merges.txt"),
        ("vocab.json", "[1]", "is no vocabulary"),
        ("vocab.json", "{", "cannot be read"),
        ("vocab.json", '{"a": 0}', "no token '<|startoftext|>'"),
        ("merges.txt", "a b c", "merge 1: 'a b c' does not join"),
        ("merges.txt", "r e\nx q", "merge 2: 'x q' does not join"),
    ],
)
def test_other_files_are_refused(tmp_path, name, text, said):
    written(tmp_path)
    (tmp_path / name).unlink() if text is None else (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as refused:
        clip_tokens(tmp_path)
    assert said in str(refused.value)
