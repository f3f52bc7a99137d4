"""Someone else's weights from the command line: imported, asked in words, or refused in a line."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.published_config import settled
from cartograd.core.build import build
from cartograd.core.key_map_inverse import written
from cartograd.data.text.tokenizer import Tokenizer
from tests.architectures.pretrained.test_gguf import toy
from tests.commands import command

pytestmark = pytest.mark.journey

CONFIG = {
    "model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 259,
    "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12,
    "max_position_embeddings": 16, "pad_token_id": 256, "hidden_act": "gelu",
    "layer_norm_eps": 1e-12, "type_vocab_size": 2, "id2label": {"0": "calm", "1": "angry"},
}  # fmt: skip


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs a command line in an empty folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))
    return command(capsys, monkeypatch)


@pytest.fixture
def folder(tmp_path):
    """A classifier of texts as Hugging Face keeps it."""
    path = tmp_path / "theirs"
    path.mkdir()
    torch.manual_seed(0)
    config = settled(CONFIG, hf_bert.READS)
    model = build("bert", signature=hf_bert.signature(config), **hf_bert.spec(config).args)
    tensors = written(model.model.state_dict(), hf_bert.KEYS(config), source="theirs")
    save_file({n: t.contiguous() for n, t in tensors.items()}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(CONFIG))
    (path / "tokenizer.json").write_text(Tokenizer.bytes(special=True).to_json())
    return path


def test_import_then_every_verb(run, folder, tmp_path):
    done = run("import", f"hf:{folder}", "ours")
    assert done.code == 0
    assert "bert:classes=2,vocabulary=259" in done.out
    (tmp_path / "letter.txt").write_text("no!")
    answers = lines(run("predict", "ours", "hello", "letter.txt", "--json"))
    assert [answer["source"] for answer in answers] == ["hello", "letter.txt"]
    assert all(set(answer["probabilities"]) == {"calm", "angry"} for answer in answers)
    direct = lines(run("predict", f"hf:{folder}", "hello", "no!", "--json"))
    for one, other in zip(answers, direct, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"])
    assert run("predict", "ours", "hello", "--csv").out.startswith("source,label1,probability1")
    stdin = lines(run("predict", "ours", "-", "--json", stdin='["hello", "no!"]'))
    assert [answer["label"] for answer in stdin] == [answer["label"] for answer in answers]
    assert run("import", f"hf:{folder}", "again", "--json").json["parameters"] == 2854


def lines(done):
    """What `--json` printed, an object a line."""
    return [json.loads(line) for line in done.out.splitlines()]


def change(name, tensor):
    def act(folder):
        tensors = load_file(folder / "model.safetensors")
        tensors[name] = tensor
        save_file(tensors, folder / "model.safetensors")

    return act


def truncate(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-5])


def other_tokenizer(folder):
    other = Tokenizer.train(["some words of another model"], vocabulary=270)
    (folder / "tokenizer.json").write_text(other.to_json())


def more_tokens(folder):
    (folder / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": 300}))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            change("embeddings.LayerNorm.weight", torch.ones(9)),
            "'embeddings.LayerNorm.weight' becomes 'norm.weight' of shape (9,), and this "
            "BERT expects shape (8,)",
        ),
        (change("bert.new", torch.ones(2)), "nothing is known of 'bert.new' of shape (2,)"),
        (truncate, "model.safetensors cannot be read"),
        (other_tokenizer, "this tokenizer does not match the model: it has 270 tokens"),
        (more_tokens, "it has 259 tokens and 'text' takes 300"),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_written(run, folder, damage, told):
    damage(folder)
    for words in (("import", f"hf:{folder}", "ours"), ("predict", f"hf:{folder}", "hello")):
        done = run(*words)
        assert done.code == 2
        assert told in done.err
        assert len(done.err.strip().splitlines()) == 1
        assert not done.out
    assert not (folder.parent / "ours").exists()
    assert not list((folder.parent / "cache").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "hf", "ours"), "hf needs a path: hf:PATH"),
        (("import", "hff:x", "ours"), "unknown weights 'hff'; did you mean 'hf'?"),
        (("import", "bert", "ours"), "'bert' is of kind 'model', expected 'weights'"),
        (("import", "hf:nowhere", "ours"), "nowhere holds no config.json"),
        (("import", "smollm2", "ours"), "cartograd data get smollm2"),
        (("predict", "smollm2", "Hi"), "cartograd data get smollm2"),
        (("predict", "smolm2", "Hi"), "smolm2 does not exist"),
    ],
)
def test_words_that_name_no_weights(run, words, told):
    done = run(*words)
    assert done.code == 2
    assert told in done.err


def test_a_text_longer_than_the_context(run, folder):
    assert run("import", f"hf:{folder}", "ours").code == 0
    done = run("predict", "ours", "x" * 17)
    assert done.code == 2
    assert "17 tokens are more than the 16" in done.err


def test_gguf_files_that_are_damaged(run, tmp_path):
    path = toy(tmp_path / "toy.gguf", kind="Q8_0")
    assert run("predict", "gguf:toy.gguf", "Hi", "--json").code == 0
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    done = run("import", "gguf:toy.gguf", "ours")
    assert done.code == 2
    assert "toy.gguf is truncated: tensor 'blk.1.ffn_down.weight' (Q8_0) ends at byte" in done.err
    place = content.index(b"blk.0.attn_q.weight") + len("blk.0.attn_q.weight") + 4 + 2 * 8
    path.write_bytes(content[:place] + (16).to_bytes(4, "little") + content[place + 4 :])
    done = run("import", "gguf:toy.gguf", "ours")
    assert done.code == 2
    assert "tensor 'blk.0.attn_q.weight' is of type IQ2_XXS, which cannot be read" in done.err
    assert not (tmp_path / "ours").exists()
