"""How many weights published encoders and their kin have, by their own configurations."""

import pytest
import torch

from cartograd.architectures.pretrained.published_back import FAMILIES
from cartograd.architectures.pretrained.published_config import settled
from cartograd.architectures.transformer.clip_text import CLIPText
from cartograd.core.build import build
from tests.reference import Reference

transformers = Reference("transformers")

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": 3072}  # fmt: skip
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
         "intermediate_size": 4096}  # fmt: skip
ROBERTA = {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
ROBERTA |= {"vocab_size": 50265}
XLM = ROBERTA | {"vocab_size": 250002}
T5 = {"d_kv": 64, "feed_forward_proj": "relu", "vocab_size": 32128}
FLAN = T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
MT5 = {"d_kv": 64, "vocab_size": 250112, "tie_word_embeddings": False}


def t5(size, dim, wide, depth, heads):
    return size | {"d_model": dim, "d_ff": wide, "num_layers": depth, "num_heads": heads}


COUNTS = {
    "bert-base-cased": ("BertModel", BASE | {"vocab_size": 28996}, 108_310_272),
    "bert-base-chinese": ("BertModel", BASE | {"vocab_size": 21128}, 102_267_648),
    "bert-base-multilingual-cased": ("BertModel", BASE | {"vocab_size": 119547}, 177_853_440),
    "distilbert-base-uncased": ("DistilBertModel", {}, 66_362_880),
    "distilbert-base-cased": ("DistilBertModel", {"vocab_size": 28996}, 65_190_912),
    "distilbert, masked": ("DistilBertForMaskedLM", {}, 66_985_530),
    "roberta-base": ("RobertaModel", BASE | ROBERTA, 124_645_632),
    "roberta-base, masked": ("RobertaForMaskedLM", BASE | ROBERTA, 124_697_433),
    "roberta-large": ("RobertaModel", LARGE | ROBERTA, 355_359_744),
    "distilroberta-base": ("RobertaModel", BASE | ROBERTA | {"num_hidden_layers": 6}, 82_118_400),
    "xlm-roberta-base": ("XLMRobertaModel", BASE | XLM, 278_043_648),
    "xlm-roberta-large": ("XLMRobertaModel", LARGE | XLM, 559_890_432),
    "electra-base": ("ElectraModel", BASE | {"embedding_size": 768}, 108_891_648),
    "electra-large": ("ElectraModel", LARGE | {"embedding_size": 1024}, 334_092_288),
    "t5-3b": ("T5ForConditionalGeneration",
              t5(T5, 1024, 16384, 24, 32) | {"d_kv": 128}, 2_851_598_336),
    "flan-t5-base": ("T5ForConditionalGeneration", t5(FLAN, 768, 2048, 12, 12), 247_577_856),
    "flan-t5-large": ("T5ForConditionalGeneration", t5(FLAN, 1024, 2816, 24, 16), 783_150_080),
    "flan-t5-xl": ("T5ForConditionalGeneration", t5(FLAN, 2048, 5120, 24, 32), 2_849_757_184),
    "mt5-base": ("MT5ForConditionalGeneration", t5(MT5, 768, 2048, 12, 12), 582_401_280),
    "mt5-large": ("MT5ForConditionalGeneration", t5(MT5, 1024, 2816, 24, 16), 1_229_581_312),
    "umt5-base": ("UMT5ForConditionalGeneration",
                  t5(MT5, 768, 2048, 12, 12) | {"vocab_size": 256384}, 592_043_520),
    "bart-large": ("BartModel", {}, 406_291_456),
    "distilgpt2": ("GPT2LMHeadModel", {"n_layer": 6}, 81_912_576),
    "vit-base-patch16-224": ("ViTForImageClassification", {"num_labels": 1000}, 86_567_656),
    "vit-large-patch16-224": ("ViTForImageClassification", LARGE | {"num_labels": 1000},
                              304_326_632),
}  # fmt: skip
"""Which model, its config.json where that differs from transformers' class, and its weights.

The configurations are those of the publishers, the counts those that are quoted of their files;
both from memory. That they agree is checked here, with ours and with transformers' own class.
"""


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("name", COUNTS)
def test_published_counts(name):
    architecture, own, count = COUNTS[name]
    made = getattr(transformers, architecture)
    if "T5" in architecture and own.get("tie_word_embeddings") is False:
        # Its authors' files have a matrix for the scores, which transformers ties to the other.
        count -= own["vocab_size"] * own["d_model"]
    config = made.config_class(**own)
    with torch.device("meta"):
        theirs = made(config)
    assert sum(weight.numel() for weight in theirs.parameters() if weight.requires_grad) == count
    said = own | {"model_type": config.model_type, "architectures": [architecture]}
    family = FAMILIES[config.model_type]
    understood = settled(said, family.READS, own_output=own.get("tie_word_embeddings") is False)
    understood |= {"image_mean": [0.5], "image_std": [0.5]}
    with torch.device("meta"):
        ours = build(family.spec(understood), kind="model")
    found = sum(weight.numel() for weight in ours.parameters())
    assert found + unread(config) == COUNTS[name][2]


def unread(config):
    """Rows of RoBERTa's positions before that of the first token, which ours leaves out."""
    if "roberta" not in config.model_type:
        return 0
    return (config.pad_token_id + 1) * config.hidden_size


@pytest.mark.paper("clip-text")
@pytest.mark.parametrize(
    ("args", "count"),
    [({"dim": 512, "heads": 8}, 63_165_952), ({}, 123_060_480)],
)
def test_clips_texts(args, count):
    """Of ViT-B/32 and ViT-L/14, by transformers' CLIPTextModel."""
    with torch.device("meta"):
        ours = CLIPText(**args)
        sizes = {"hidden_size": 512, "num_attention_heads": 8} if args else {
            "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
        }  # fmt: skip
        theirs = transformers.CLIPTextModel(transformers.CLIPTextConfig(**sizes))
    assert sum(w.numel() for w in ours.parameters()) == count
    assert sum(w.numel() for w in theirs.parameters()) == count
