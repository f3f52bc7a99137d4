"""GGUF files of our models: the reference package and our own reader find in them what we wrote."""

import json
import re

import gguf as reference
import numpy as np
import pytest
import torch

from cartograd.apps.cli import main
from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.pretrained.gguf import gguf
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.gguf.reader import GGUF
from cartograd.data.gguf.writer import quantised, write_gguf
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.bundle import write_bundle
from cartograd.practice.deployment.gguf_file import gguf_file
from tests.architectures.pretrained.test_gguf import TEXTS, toy

LLAMA = "llama:dim=32,depth=2,heads=4,kv_heads=2,ffn_dim=64,context=48"
TYPES = ("f32", "f16", "q8_0", "q4_0")


def reads(size, **more):
    text = Port("text", "text", ("t",), "int64", (0, size - 1))
    return Signature((text,), (Port("next", "label", ("t", size), task="next-token", **more),))


def made(spec=LLAMA, words=None, **more):
    words = words or Tokenizer.bytes(special=True)
    torch.manual_seed(0)
    model = build(spec, kind="model", signature=reads(words.vocabulary, **more)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.randn_like(weight) * 0.2 + ("norm" in name))
    model.tokenizer = words
    return model


@pytest.mark.oracle("gguf-file")
@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_blocks_are_those_of_the_reference_bit_for_bit(kind):
    draw = torch.Generator().manual_seed(0)
    numbers = torch.randn(200, 64, generator=draw) * torch.logspace(-6, 3, 200)[:, None]
    numbers[3] = 0
    numbers[4] = torch.tensor([1.0, -1.0]).repeat(32)  # two of the largest size
    numbers[5] = torch.arange(64) - 32.5
    expected = reference.quants.quantize(numbers.numpy(), reference.GGMLQuantizationType[kind])
    assert np.array_equal(
        quantised(numbers, kind).numpy(), expected.reshape(-1, expected.shape[1] // 2)
    )


@pytest.mark.oracle("gguf-file")
@pytest.mark.parametrize("type_", TYPES)
def test_the_reference_reads_names_values_and_numbers(type_, tmp_path):
    model = made()
    path = gguf_file(model, tmp_path / "a.gguf", type=type_)
    read = reference.GGUFReader(path)
    assert read.fields["llama.attention.head_count_kv"].contents() == 2
    assert read.fields["tokenizer.ggml.tokens"].contents()[65] == "A"
    assert read.fields["tokenizer.ggml.eos_token_id"].contents() == 258
    kinds = {one.name: one.tensor_type.name for one in read.tensors}
    assert kinds["blk.0.ffn_up.weight"] == type_.upper()
    assert kinds["blk.1.attn_norm.weight"] == "F32"
    assert kinds["output.weight"] == {"q4_0": "Q8_0"}.get(type_, type_.upper())
    up = next(one for one in read.tensors if one.name == "blk.0.ffn_up.weight")
    numbers = reference.quants.dequantize(up.data, up.tensor_type)
    own = model.model.blocks[0].feed_forward.up.weight.detach()
    off = np.abs(numbers - own.numpy()).max() / float(own.abs().max())
    assert off <= {"f32": 0, "f16": 5e-4, "q8_0": 0.5 / 127 + 5e-4, "q4_0": 1 / 8 + 1e-3}[type_]


@pytest.mark.law("gguf-file")
@pytest.mark.parametrize(
    "more", ["", ",head_dim=6", ",tied=true", ",biases=qkv,tied=true", ",scaling='linear:factor=2'",
             ",base=5e5,scaling='llama3:factor=32,context=8192'"]
)  # fmt: skip
def test_read_back_it_is_the_same_model(more, tmp_path):
    model = made(LLAMA + more)
    again = gguf(gguf_file(model, tmp_path / "a.gguf", type="f32"))
    x = torch.randint(0, 259, (2, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(again(x), model(x), rtol=0, atol=2e-6)
    own, found = model.model.state_dict(), again.model.state_dict()
    assert own.keys() == found.keys()
    assert all(torch.equal(own[name], found[name]) for name in own)
    for text in TEXTS:
        assert again.tokenizer.encode(text) == model.tokenizer.encode(text)


@pytest.mark.parametrize("pre", ["gpt-2", "smollm", "llama-bpe", "qwen2"])
def test_a_file_of_the_reference_comes_back(pre, tmp_path):
    first = gguf(toy(tmp_path / "a.gguf", pre=pre, family="qwen2" if pre == "qwen2" else "llama"))
    again = gguf(gguf_file(first, tmp_path / "b.gguf", type="f32"))
    assert again.spec == first.spec
    assert all(
        torch.equal(one, other)
        for one, other in zip(first.parameters(), again.parameters(), strict=True)
    )
    assert again.tokenizer.to_json() == first.tokenizer.to_json()


def test_a_vocabulary_that_was_trained_and_rows_without_a_token(tmp_path):
    words = Tokenizer.train(TEXTS * 3, vocabulary=280)
    model = made(words=words)
    spec = f"{LLAMA},tied=true"
    padded = build(spec, kind="model", signature=reads(words.vocabulary + 8)).eval()
    padded.tokenizer = words
    for one in (model, padded):
        again = gguf(gguf_file(one, tmp_path / "a.gguf")).tokenizer
        assert all(again.encode(text) == words.encode(text) for text in TEXTS)
        assert (again.begin, again.end, again.padding) == (words.begin, words.end, words.padding)
    assert again.token(words.vocabulary) == f"[PAD{words.vocabulary}]"


DECODER = "decoder:dim=32,depth=4,heads=4,kv_heads=2,ffn_dim=64,context=48"
GEMMA = (
    "head_dim=16,order=sandwich,activation=geglu,tied=true,embedding_scale=5.656854249492381,"
    "scale=0.25,window=5"
)
FAMILIES = {
    "qwen3": "head_dim=16,qk_norm=head,base=1e6",
    "qwen3 ": "head_dim=16,qk_norm=head,tied=true,scaling='linear:factor=2'",
    "qwen3moe": "head_dim=16,qk_norm=head,experts=3,k=2",
    "llama": "experts=4,k=2,base=1e6",
    "llama ": "head_dim=16,experts=3,k=1,tied=true,scaling='linear:factor=2'",
    "gemma2": f"{GEMMA},reach=wf,attention_cap=2.0,output_cap=3.0",
    "gemma3": f"{GEMMA},reach=wwwwwf,qk_norm=head,base=1e6,local_base=1e4",
    "gemma3 ": f"{GEMMA},reach=wwf,qk_norm=head,local_base=500.0,scaling='linear:factor=8'",
    "phi3": "",
    "phi3 ": "share=0.5,tied=true,scaling='longrope:factor=3,context=16,short=[1,1.1],long=[2,5]'",
}
"""A decoder of each family that GGUF has, and a sister of it."""


@pytest.mark.law("gguf-file")
@pytest.mark.parametrize("name", FAMILIES)
def test_families_are_read_back(name, tmp_path):
    model = made(f"{DECODER},{FAMILIES[name]}".rstrip(","))
    path = gguf_file(model, tmp_path / "a.gguf", type="f32")
    assert GGUF(path).values["general.architecture"] == name.strip()
    again = gguf(path)
    x = torch.randint(0, 259, (2, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(again(x), model(x), rtol=0, atol=2e-6)
    own, found = model.model.state_dict(), again.model.state_dict()
    assert own.keys() == found.keys()
    assert all(torch.equal(own[name], found[name]) for name in own)


KEYS = {
    "qwen3": {"attention.key_length": 16, "attention.value_length": 16, "rope.freq_base": 1e6},
    "qwen3moe": {"expert_count": 3, "expert_used_count": 2, "expert_feed_forward_length": 64},
    "llama": {"expert_count": 4, "expert_used_count": 2, "feed_forward_length": 64},
    "gemma2": {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0,
               "attention.sliding_window": 5, "attention.key_length": 16},
    "gemma3": {"attention.sliding_window": 5, "rope.freq_base": 1e6},
    "gemma3 ": {"attention.sliding_window_pattern": 3, "rope.freq_base_swa": 500.0,
                "rope.scaling.type": "linear", "rope.scaling.factor": 8.0},
    "phi3": {"rope.dimension_count": 8, "rope.scaling.original_context_length": 48,
             "attention.sliding_window": 0},
    "phi3 ": {"rope.dimension_count": 4, "rope.scaling.original_context_length": 16},
}  # fmt: skip
"""What llama.cpp's converter writes of each, beside sizes."""


@pytest.mark.oracle("gguf-file")
@pytest.mark.parametrize("name", KEYS)
def test_the_reference_reads_what_the_converter_writes(name, tmp_path):
    path = gguf_file(made(f"{DECODER},{FAMILIES[name]}".rstrip(",")), tmp_path / "a.gguf")
    read = reference.GGUFReader(path)
    family = name.strip()
    for key, value in KEYS[name].items():
        assert read.fields[f"{family}.{key}"].contents() == pytest.approx(value)
    known = reference.MODEL_TENSORS[
        next(arch for arch, own in reference.MODEL_ARCH_NAMES.items() if own == family)
    ]
    patterns = [reference.TENSOR_NAMES[one] for one in known]
    layers = {pattern.format(bid=bid) for pattern in patterns for bid in range(4)}
    assert {one.name.removesuffix(".weight") for one in read.tensors} <= layers


WRITTEN = {
    "llama": ('dddd!"', "~G~\x12qsqsx\x0cC\u03e0GG~sx\x1f\x12~GG"),
    "llama ": ("FGH", "~d2d2dd~{--{{{{{{{{{{{{"),
}
"""What llama.cpp (xllamacpp 2026.10.11549, `handle_completions`, keys and values in float32,
temperature 0, 24 tokens) wrote after a prompt by these files; `~`: bytes that are no letter."""


@pytest.mark.oracle("gguf-file")
@pytest.mark.parametrize("name", WRITTEN)
def test_llama_cpp_writes_the_same_from_a_mixtral(name, tmp_path):
    prompt, text = WRITTEN[name]
    again = gguf(gguf_file(made(f"{DECODER},{FAMILIES[name]}"), tmp_path / "a.gguf", type="f32"))
    tokens = torch.tensor([again.tokenizer.encode(prompt)])
    [found] = generate(again.model.decoder(1, 32), tokens, None, length=24, stop=())
    assert re.sub("\ufffd+", "~", again.tokenizer.decode(found)) == text


@pytest.mark.law("gguf")
def test_older_files_of_mixtral_have_experts_apart(tmp_path):
    model = made(f"{DECODER},{FAMILIES['llama']}")
    file = GGUF(gguf_file(model, tmp_path / "a.gguf", type="f32"))
    apart = {}
    for name, tensor in file.tensors().items():
        part, joined, end = name.partition("_exps")
        each = {f"{part}.{i}{end}": one for i, one in enumerate(tensor)}
        apart |= {key: (one, "F32") for key, one in (each if joined else {name: tensor}).items()}
    assert "blk.3.ffn_down.2.weight" in apart
    older = gguf(write_gguf(tmp_path / "b.gguf", file.values, apart))
    own, found = model.model.state_dict(), older.model.state_dict()
    assert own.keys() == found.keys()
    assert all(torch.equal(own[name], found[name]) for name in own)


def test_a_router_is_not_rounded(tmp_path):
    path = gguf_file(made(f"{DECODER},{FAMILIES['qwen3moe']}"), tmp_path / "a.gguf", type="q4_0")
    kinds = {name: entry.kind for name, entry in GGUF(path).entries.items()}
    assert kinds["blk.0.ffn_gate_inp.weight"] == "F32"
    assert kinds["blk.0.ffn_up_exps.weight"] == "Q4_0"


def test_a_window_that_llama_cpp_passes_over_is_told(tmp_path):
    with pytest.warns(UserWarning, match="window=8 is written, and llama.cpp passes it over"):
        path = gguf_file(made(f"{DECODER},reach=w,window=8"), tmp_path / "a.gguf")
    assert gguf(path).spec.args["window"] == 8


NOT_SAID = {
    f"{LLAMA},window=8": "window=8 has no word in GGUF",
    f"{LLAMA},biases=qkvo": "biases=qkvo has no family",
    f"{LLAMA},scaling='ntk:factor=2'": "scaling=ntk:factor=2 has no word",
    "gpt:dim=32,depth=1,heads=2": "gpt cannot be said in GGUF",
    f"{DECODER},qk_norm=head,biases=qkvo": "biases=qkvo has no word in GGUF of qwen3, where it is",
    f"{DECODER},qk_norm=head,reach=wf,window=5": "reach=wf has no word in GGUF of qwen3",
    f"{DECODER},qk_norm=all,order=reordered": "has no word in GGUF of qwen3",
    f"{DECODER},experts=3,qk_norm=head,mixture=ed": "mixture=ed has no word in GGUF of qwen3moe",
    f"{DECODER},experts=3,qk_norm=head,normalised=false": "normalised=false has no word",
    f"{DECODER},experts=3,qk_norm=all": "qk_norm=all has no word in GGUF of qwen3moe",
    f"{DECODER},experts=3,reach=wf,window=5": "reach=wf has no word in GGUF of llama",
    f"{DECODER},experts=3,normalised=false": "normalised=false has no word in GGUF of llama",
    f"{DECODER},{GEMMA.replace('0.25', '0.3')},qk_norm=head,reach=wwf": "scale=0.3 has no word",
    f"{DECODER},{GEMMA},reach=wf,output_cap=3.0": "attention_cap=none has no word in GGUF of gem",
    f"{DECODER},{GEMMA.replace('tied=true', 'tied=false')},qk_norm=head": "tied=false has no word",
    f"{DECODER},{GEMMA.replace(',window=5', '')},qk_norm=head": "gemma3 without windows",
    f"{DECODER},head_dim=16": "head_dim=16 has no word in GGUF of phi3",
    f"{DECODER},scaling='yarn:factor=2,context=16'": "scaling=yarn:factor=2,context=16 has no word",
    f"{DECODER},attention_sinks=true": "attention_sinks=true has no word in GGUF of phi3",
    f"{DECODER},scale=0.3": "scale=0.3 has no word in GGUF of phi3",
}


@pytest.mark.parametrize("spec", NOT_SAID)
def test_what_cannot_be_said_is_refused_by_name(spec, tmp_path):
    with pytest.raises(UsageError, match=NOT_SAID[spec]):
        gguf_file(made(spec), tmp_path / "a.gguf")
    assert not list(tmp_path.iterdir())


def test_tokenizers_that_cannot_be_said_and_numbers_too_large(tmp_path):
    model = made()
    model.tokenizer = None
    with pytest.raises(UsageError, match="has no tokenizer, and a GGUF file holds one"):
        gguf_file(model, tmp_path / "a.gguf")
    model.tokenizer = Tokenizer.train(TEXTS * 3, vocabulary=120, kind="wordpiece")
    with pytest.raises(UsageError, match=r"its tokenizer \(WordPiece\) has no name in GGUF"):
        gguf_file(model, tmp_path / "a.gguf")
    with pytest.raises(UsageError, match="x holds 70000, and the largest number of F16 is 65504"):
        write_gguf(tmp_path / "a.gguf", {}, {"x": (torch.full((2, 32), 7e4), "F16")})
    assert not list(tmp_path.iterdir())


def test_rows_that_make_no_blocks_stay_in_half_precision(tmp_path):
    model = made("llama:dim=24,depth=1,heads=2,ffn_dim=64,context=16")
    with pytest.warns(UserWarning, match="matrices stay in half precision, as rows of"):
        path = gguf_file(model, tmp_path / "a.gguf", type="q4_0")
    kinds = {name: entry.kind for name, entry in GGUF(path).entries.items()}
    assert kinds["blk.0.ffn_up.weight"] == "F16"
    assert kinds["blk.0.ffn_down.weight"] == "Q4_0"


def test_the_command_writes_and_checks(tmp_path, capsys):
    bundle = write_bundle(tmp_path / "bundle", made(), examples=(torch.randint(0, 259, (2, 9)),))
    out = str(tmp_path / "a.gguf")
    command = ["export", str(bundle), "--check", "--out", out, "--to"]
    assert main([*command, "gguf:type=f32", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["check"]
    assert told["agree"]
    assert 0 <= told["difference"] <= told["tolerance"]
    assert main([*command, "gguf:type=q4_0"]) == 0
    assert "weights are rounded; --margin judges" in capsys.readouterr().out
    assert main([*command, "gguf:type=q4_1"]) == 2
    assert "unknown type 'q4_1'" in capsys.readouterr().err
