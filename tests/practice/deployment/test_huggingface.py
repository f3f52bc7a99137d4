"""Folders of Hugging Face: transformers gives our answers; what it cannot is refused by name."""

import json

import pytest
import torch

from cartograd.apps.cli import main
from cartograd.apps.verbs.export import export
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.bundle import write_bundle
from cartograd.practice.compression.prune_channels import prune_channels
from cartograd.practice.deployment.huggingface import huggingface
from tests.reference import Reference

transformers = Reference("transformers")

WORDS = 30
LABELS = ("bad", "fair", "good")
SIZES = "dim=16,depth=2,heads=2,ffn_dim=24"
LLAMA = f"llama:{SIZES},context=32"


def text(name="text", **more):
    return Port(name, "text", ("t",), "int64", (0, WORDS - 1), **more)


CLASSES = Port("class", "label", (3,), labels=LABELS, task="classify")
NEXT = Signature((text(),), (Port("next", "label", ("t", WORDS), task="next-token"),))
PADDED = Signature((text(padding_id=0),), (CLASSES,))
MASKED = Signature(
    (text(padding_id=0),), (Port("token", "label", ("t", WORDS), task="masked-token"),)
)
TAGS = Signature(
    (text(padding_id=0),), (Port("tag", "label", ("t", 3), labels=LABELS, task="tag"),)
)
PAIR = Signature(
    (text("source", padding_id=0), text("target", padding_id=0)),
    (Port("next", "label", ("t", WORDS), task="translate"),),
)
PIXELS = Port("image", "image", (3, 8, 8), bounds=(0.0, 1.0), mean=(0.4, 0.5, 0.6),
              std=(0.1, 0.2, 0.3), fit="stretch")  # fmt: skip
PICTURE = Signature((PIXELS,), (CLASSES,))
SOUND = Signature(
    (Port("sound", "audio", (1, "n"), bounds=(-1.0, 1.0), rate=16_000), text("tokens")),
    (Port("next", "label", ("t", WORDS), task="transcribe"),),
)
CASES = {
    "BertForMaskedLM": (f"bert:{SIZES},context=32", MASKED),
    "BertForSequenceClassification": (f"bert:{SIZES},context=32", PADDED),
    "DistilBertForTokenClassification": (
        f"bert:{SIZES},context=32,segments=0,activation=relu", TAGS,
    ),
    "RobertaForSequenceClassification": (f"bert:{SIZES},context=32,segments=1,eps=1e-5", PADDED),
    "RobertaForTokenClassification": (
        f"bert:{SIZES},context=32,segments=1,eps=1e-5,skips_padding=true", TAGS,
    ),
    "GPT2LMHeadModel": ("gpt:dim=16,depth=2,heads=2,context=32", NEXT),
    "OpenAIGPTLMHeadModel": ("gpt:dim=16,depth=2,heads=2,context=32,order=post", NEXT),
    "LlamaForCausalLM": (
        f"{LLAMA},kv_heads=1,tied=true,scaling='llama3:factor=8,context=16'", NEXT,
    ),
    "LlamaForSequenceClassification": (f"decoder-classifier:decoder='{LLAMA},tied=true'", PADDED),
    "MistralForCausalLM": (f"{LLAMA},kv_heads=1,window=4,eps=1e-5", NEXT),
    "Qwen2ForCausalLM": (f"{LLAMA},biases=qkv,window=4", NEXT),
    "T5ForConditionalGeneration": (f"t5:{SIZES},head_dim=8", PAIR),
    "T5ForSequenceClassification": (f"t5:{SIZES},head_dim=8,end_id=3", PADDED),
    "T5ForTokenClassification": (f"t5:{SIZES},head_dim=8,activation=geglu,tied=false", TAGS),
    "ViTForImageClassification": (f"vit:{SIZES}", PICTURE),
    "WhisperForConditionalGeneration": (
        "whisper:dim=16,depth=1,heads=2,context=12,seconds=0.4,n_mels=10", SOUND,
    ),
}  # fmt: skip
"""Models of ours by what transformers calls them."""


def made(spec, signature, *, words=None):
    torch.manual_seed(0)
    model = build(spec, kind="model", signature=signature).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.randn_like(weight) * 0.2 + ("norm" in name))
    model.tokenizer = words
    return model


def drawn(signature):
    draw = torch.Generator().manual_seed(1)
    return tuple(
        ended(torch.randint(1, WORDS, (2, 9), generator=draw)) if port.kind == "text"
        else torch.rand(2, *(dim if isinstance(dim, int) else 6400 for dim in port.dims),
                        generator=draw)
        for port in signature.inputs
    )  # fmt: skip


def ended(tokens):
    """Texts with one end, number 3."""
    tokens[tokens == 3] = 4
    tokens[:, -1] = 3
    return tokens


def theirs(folder, name, model):
    """What transformers answers, given inputs as its own preparation makes them."""
    found, told = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    assert not any(told.values()), told
    inputs = drawn(model.signature)
    if name.startswith("ViT"):
        mean, std = (torch.tensor(values)[:, None, None] for values in (PIXELS.mean, PIXELS.std))
        return found(pixel_values=(inputs[0] - mean) / std)
    if name.startswith("Whisper"):
        return found(input_features=model.model.features(inputs[0]), decoder_input_ids=inputs[1])
    if name == "T5ForConditionalGeneration":
        return found(input_ids=inputs[0], decoder_input_ids=inputs[1])
    return found(input_ids=inputs[0])


@pytest.mark.oracle("huggingface")
@pytest.mark.parametrize("name", CASES)
def test_transformers_gives_the_same_answers(name, tmp_path):
    model = made(*CASES[name])
    folder = huggingface(model, tmp_path / "out")
    with torch.no_grad():
        answer = theirs(folder, name, model).logits
        torch.testing.assert_close(answer, model(*drawn(model.signature)), rtol=0, atol=1e-5)


@pytest.mark.law("huggingface")
@pytest.mark.parametrize("name", CASES)
def test_what_is_read_back_is_what_was_written(name, tmp_path):
    words = Tokenizer.bytes(special=True) if name.startswith("Llama") else None
    model = made(*CASES[name])
    if words is not None:
        port = Port("text", "text", ("t",), "int64", (0, 258), padding_id=256)
        output = model.signature.output
        output = CLASSES if output.task == "classify" else Port(
            "next", "label", ("t", 259), task="next-token")  # fmt: skip
        model = made(CASES[name][0], Signature((port,), (output,)), words=words)
    again = hf(huggingface(model, tmp_path / "out"))
    same = {key: value.clone() for key, value in model.model.state_dict().items()}
    found = again.model.state_dict()
    assert same.keys() == found.keys()
    assert all(torch.equal(found[key], same[key]) for key in same)
    x = drawn(model.signature)
    assert torch.equal(again(*x), model(*x))
    for one, other in zip(model.signature.inputs, again.signature.inputs, strict=True):
        assert (one.dims, one.mean, one.std, one.padding_id) == (
            other.dims, other.mean, other.std, other.padding_id)  # fmt: skip
    assert again.signature.output.labels == model.signature.output.labels
    if words is not None:
        for line in ("né 中文 😀", "two  spaces\n"):
            assert again.tokenizer.encode(line) == words.encode(line)
            assert again.tokenizer.decode(words.encode(line)) == line
        assert (again.tokenizer.padding, again.tokenizer.end) == (256, 258)


def test_texts_end_where_they_did(tmp_path):
    words = Tokenizer.bytes(special=True)
    words = Tokenizer(
        words.document, special=words.special | {"stop 1": 10, "stop 2": 258},
        manner={"repetition_penalty": 1.1}, chat="{{ messages }}",
    )  # fmt: skip
    port = Port("text", "text", ("t",), "int64", (0, 258), padding_id=256)
    port = Signature((port,), (Port("next", "label", ("t", 259), task="next-token"),))
    again = hf(huggingface(made(LLAMA, port, words=words), tmp_path / "out")).tokenizer
    assert again.stops == {10, 258}
    assert again.manner == words.manner
    assert again.template == words.template
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "out").encode("né") == [
        110, 195, 169]  # fmt: skip


NOT_SAID = {
    "bert:dim=16,depth=1,heads=2,norm=rms": (PADDED, "norm=rms cannot be said in config.json"),
    "bert:dim=16,depth=1,heads=2,activation=relu": (PADDED, "activation=relu cannot be said"),
    "gpt:dim=16,depth=1,heads=2,positions=alibi": (NEXT, "positions=alibi cannot be said"),
    f"{LLAMA},biases=qkv,tied=true,scaling='ntk:factor=2'": (NEXT, "scaling=ntk:factor=2 has no"),
    f"{LLAMA},biases=o": (NEXT, "biases=o cannot be said"),
    "vit:size=8,patch_size=3,dim=16,depth=1,heads=2": (PICTURE, "no multiple of patch_size=3"),
    "mlp": (
        Signature((Port("row", "vector", (4,)),), (Port("y", "value", (1,)),)),
        "mlp is no architecture of Hugging Face",
    ),
}


@pytest.mark.parametrize("spec", NOT_SAID)
def test_what_cannot_be_said_is_refused_by_name(spec, tmp_path):
    signature, told = NOT_SAID[spec]
    with pytest.raises(UsageError, match=told):
        huggingface(made(spec, signature), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_temperature_and_a_cut_are_refused(tmp_path):
    warm = Signature((PIXELS,), (Port("c", "label", (3,), task="classify", temperature=2.0),))
    with pytest.raises(UsageError, match=r"has temperature=2\.0, which cannot be said"):
        huggingface(made(f"vit:{SIZES}", warm), tmp_path / "out")
    cut = prune_channels(made(f"vit:{SIZES}", PICTURE), amount=0.5)
    with pytest.raises(UsageError, match="was pruned"):
        huggingface(cut, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_folder_and_checks_it(tmp_path, capsys):
    model = made(LLAMA, NEXT)
    bundle = write_bundle(tmp_path / "bundle", model, examples=drawn(NEXT))
    assert main(["export", str(bundle), "--to", "huggingface", "--check", "--out",
                 str(tmp_path / "out"), "--json"]) == 0  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert told["agree"]
    assert told["check"]["difference"] == 0
    assert told["size"] > (tmp_path / "out" / "model.safetensors").stat().st_size
    assert main(["export", str(bundle), "--to", "huggingface", "--out", str(tmp_path / "out")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_pictures_that_were_cropped_are_told(tmp_path):
    port = Port("image", "image", (3, 8, 8), bounds=(0.0, 1.0))
    model = made(f"vit:{SIZES}", Signature((port,), (CLASSES,)))
    with pytest.warns(UserWarning, match="stretches a picture of another shape"):
        found = export(model, tmp_path / "out", to="hf")
    assert hf(found.path).signature.input.mean == ()
