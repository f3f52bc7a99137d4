"""Encoders that embed texts: what sentence-transformers makes of the same folders."""

import json

import pytest
import torch
from safetensors.torch import save_file

from cartograd.apps.load.pretrained import import_
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.transformer.encoder_embedding import EncoderEmbedding
from cartograd.architectures.transformer.sentence_encoder import encode
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import (
    MODELS,
    change,
    pieces,
    transformers,
    words,
)
from tests.architectures.transformer.test_deberta import exact_roots
from tests.architectures.transformer.test_decoder import exact_norms
from tests.architectures.transformer.test_t5 import exact
from tests.reference import Reference

reference_sentence_transformers = Reference("sentence_transformers")

TEXTS = ["the cat sat", "who?", "the mat " * 9, "sat", "there, there"]
BODIES = {
    "bert": "BertModel", "roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel",
    "distilbert": "DistilBertModel", "electra": "ElectraModel", "modernbert": "ModernBertModel",
    "deberta-v2": "DebertaV2Model", "t5": "T5EncoderModel", "mt5": "MT5EncoderModel",
    "umt5": "UMT5EncoderModel",
}  # fmt: skip
POOLINGS = ("mean", "cls", "max")


@pytest.fixture(autouse=True)
def _exact(monkeypatch):
    """Their numbers in the type that they are given."""
    from transformers.models.mt5 import modeling_mt5
    from transformers.models.t5 import modeling_t5
    from transformers.models.umt5 import modeling_umt5

    monkeypatch.setattr(modeling_t5.T5LayerNorm, "forward", exact)
    monkeypatch.setattr(modeling_mt5.MT5LayerNorm, "forward", exact)
    monkeypatch.setattr(modeling_umt5.UMT5LayerNorm, "forward", exact)
    exact_roots(monkeypatch)
    single = torch.Tensor.float
    monkeypatch.setattr(
        torch.Tensor, "float", lambda x: x if x.dtype == torch.double else single(x)
    )


def written(folder, kind, *, pooling="mean", dense=None, unit=True):
    """A folder with a small random encoder, and the parts that stand behind it."""
    _, config, sizes = MODELS[kind]
    tokenizer = pieces() if "t5" in kind else words(kind)
    tokenizer.model_max_length = 24
    tokenizer.save_pretrained(folder)
    said = {key: value for key, value in sizes.items() if "label" not in key}
    said |= {"vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": 1}
    torch.manual_seed(0)
    made = getattr(transformers, BODIES[kind])(getattr(transformers, config)(**said))
    for name, weight in made.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm" in name.lower()), std=0.3)
    made.save_pretrained(folder)
    pooled = {"word_embedding_dimension": 16, "pooling_mode": pooling}
    parts = {"Pooling": pooled} | ({} if dense is None else {"Dense": dense})
    parts |= {"Normalize": {}} if unit else {}
    modules = [{"idx": 0, "name": "0", "path": "",
                "type": "sentence_transformers.models.Transformer"}]  # fmt: skip
    for number, (name, said) in enumerate(parts.items(), start=1):
        place = folder / f"{number}_{name}"
        place.mkdir()
        (place / "config.json").write_text(json.dumps(said))
        modules.append({"idx": number, "name": str(number), "path": place.name,
                        "type": f"sentence_transformers.models.{name}"})  # fmt: skip
    (folder / "modules.json").write_text(json.dumps(modules))
    if dense is not None:
        layer = {"linear.weight": torch.randn(dense["out_features"], 16)}
        layer |= {"linear.bias": torch.randn(dense["out_features"])} if dense["bias"] else {}
        save_file(layer, folder / "2_Dense" / "model.safetensors")
    return folder


def theirs(folder):
    """The reference in double precision."""
    made = reference_sentence_transformers.SentenceTransformer(
        str(folder), device="cpu", local_files_only=True
    )
    return exact_norms(made.double())


def layer(size, function="linear.Identity", *, bias=False):
    return {
        "in_features": 16, "out_features": size, "bias": bias,
        "activation_function": f"torch.nn.modules.{function}",
    }  # fmt: skip


@pytest.mark.oracle("encoder-embedding")
@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_vectors_are_those_of_sentence_transformers(tmp_path, kind, pooling):
    """Of kin of T5 behind a layer, as theirs are published."""
    dense = layer(12) if "t5" in kind else None
    folder = written(tmp_path, kind, pooling=pooling, dense=dense)
    ours = hf(folder).double()
    expected = theirs(folder).encode(TEXTS, convert_to_tensor=True)
    torch.testing.assert_close(encode(ours, TEXTS), expected, rtol=0, atol=1e-10)


@pytest.mark.oracle("encoder-embedding")
@pytest.mark.parametrize("kind", ["bert", "t5"])
@pytest.mark.parametrize("unit", [True, False])
def test_a_layer_that_bends(tmp_path, kind, unit):
    """As LaBSE's; by way of the bundle, and with a prompt."""
    dense = layer(20, "activation.Tanh", bias=True)
    folder = written(tmp_path / "theirs", kind, dense=dense, unit=unit)
    change(folder, "config_sentence_transformers.json", prompts={"query": "the mat "})
    ours = hf(folder, prompt="query").double()
    expected = theirs(folder).encode(TEXTS, prompt_name="query", convert_to_tensor=True)
    torch.testing.assert_close(encode(ours, TEXTS), expected, rtol=0, atol=1e-10)
    answers = predict(import_(f"hf:{folder},prompt=query", tmp_path / "bundle"), TEXTS)
    found = torch.tensor([answer["vector"] for answer in answers]).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.law("encoder-embedding")
@pytest.mark.parametrize("encoder", ["bert", "modernbert", "deberta:ranges=4", "t5:head_dim=4"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_and_company_change_nothing(encoder, pooling):
    torch.manual_seed(0)
    size = "dim=8,heads=2,depth=2,ffn_dim=12,head=hidden"
    size += "" if "t5" in encoder else ",context=16"
    spec = f"{encoder}{',' if ':' in encoder else ':'}{size}"
    model = EncoderEmbedding(encoder=spec, vocabulary=23, padding_id=0, pooling=pooling)
    model = model.double().eval()
    tokens = torch.randint(1, 23, (2, 5))
    found = model(tokens)
    wide = torch.nn.functional.pad(tokens, (0, 4))
    torch.testing.assert_close(model(wide), found, rtol=0, atol=1e-12)
    torch.testing.assert_close(model(tokens[1:]), found[1:], rtol=0, atol=1e-12)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2).double())


@pytest.mark.paper("encoder-embedding")
def test_published_size():
    """The encoder of T5 and a layer without bias, as both configurations say."""
    with torch.device("meta"):
        model = build("sentence-t5-base")
    assert sum(weight.numel() for weight in model.parameters()) == 109_628_544 + 768 * 768


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("2_Dense/config.json", {"activation_function": "torch.nn.GELU"}, "activation_function"),
        ("2_Dense/config.json", {"use_residual": True}, "use_residual=true is not understood"),
        ("2_Dense/config.json", {"out_features": "12"}, 'out_features="12" cannot be'),
        ("2_Dense/config.json", {"module_input_name": "x"}, 'module_input_name="x"'),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "pooling_mode"),
        ("config.json", {"feed_forward_proj": "gated-silu"}, "feed_forward_proj"),
        ("config.json", {"model_type": "bart"}, "expected 'bert'"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path, name, value, told):
    folder = written(tmp_path, "t5", dense=layer(12))
    with pytest.raises(UsageError, match=told):
        hf(change(folder, name, **value))


def test_other_parts_are_refused(tmp_path):
    folder = written(tmp_path, "t5", dense=layer(12))
    modules = json.loads((folder / "modules.json").read_text())
    for listed, told in (
        ([*modules[:2], modules[3], modules[2]], "expected one Dense before Normalize"),
        ([modules[0], modules[2]], "lists Transformer, Dense; expected Transformer, Pooling"),
        ([*modules[:3], modules[2]], "expected one Dense before Normalize"),
    ):
        (folder / "modules.json").write_text(json.dumps(listed))
        with pytest.raises(UsageError, match=told):
            hf(folder)
    with pytest.raises(UsageError, match="gives no features of tokens"):
        build("encoder-embedding:encoder=bert:depth=1")
