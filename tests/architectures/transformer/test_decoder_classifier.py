"""Classifiers on decoders against transformers', through their own files."""

import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.pretrained.published_back import folder_of
from cartograd.architectures.transformer.decoder_classifier import DecoderClassifier
from cartograd.core.errors import UsageError
from tests.architectures.transformer.published import compared, ours, same_file, saved
from tests.architectures.transformer.test_llama import exact
from tests.reference import Reference

transformers = Reference("transformers")

GPT = {"vocab_size": 23, "n_positions": 12, "n_embd": 16, "n_layer": 2, "n_head": 2}
LLAMA = {
    "vocab_size": 23, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 12,
}  # fmt: skip
SIZES = {"GPT2": GPT, "OpenAIGPT": GPT, "Llama": LLAMA, "Mistral": LLAMA, "Qwen2": LLAMA}


@pytest.mark.oracle("decoder-classifier")
@pytest.mark.parametrize("family", SIZES)
def test_equals_transformers(family, tmp_path):
    config = getattr(transformers, f"{family}Config")(
        **SIZES[family], pad_token_id=0, bos_token_id=1, eos_token_id=1, num_labels=3
    )
    made = getattr(transformers, f"{family}ForSequenceClassification")(config)
    theirs, mine = exact(saved(made, tmp_path)), ours(tmp_path)
    tokens = torch.randint(1, 23, (3, 9))
    tokens[1, 6:] = tokens[2, 1:] = 0
    expected = theirs(tokens, attention_mask=(tokens != 0).long(), use_cache=False).logits
    same_file(tmp_path, mine, "transformer.")
    compared(theirs, mine, mine(tokens), expected, [("score.weight", "model.head.weight")])
    assert mine.signature.output.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


TAGGED = ("Llama", "Mistral", "Qwen2", "Qwen3", "Phi3", "SmolLM3")


@pytest.mark.oracle("decoder-classifier")
@pytest.mark.parametrize("family", TAGGED)
def test_tags_equal_transformers(family, tmp_path):
    own = {"head_dim": 8} if family == "Qwen3" else {}
    config = getattr(transformers, f"{family}Config")(
        **LLAMA, **own, pad_token_id=0, bos_token_id=1, eos_token_id=1, num_labels=3
    )
    made = getattr(transformers, f"{family}ForTokenClassification")(config)
    theirs, mine = exact(saved(made, tmp_path)), ours(tmp_path)
    tokens = torch.randint(1, 23, (3, 9))
    expected = theirs(tokens, use_cache=False).logits
    same_file(tmp_path, mine, "transformer.")
    pairs = [(f"score.{one}", f"model.head.{one}") for one in ("weight", "bias")]
    compared(theirs, mine, mine(tokens), expected, pairs)
    assert mine.signature.task.name == "tag"
    assert folder_of(mine.float()).config["architectures"][0].endswith("ForTokenClassification")


@pytest.mark.law("decoder-classifier")
@pytest.mark.parametrize("decoder", ["gpt", "llama"])
def test_padding_changes_nothing(decoder):
    torch.manual_seed(0)
    spec = f"{decoder}:dim=8,heads=2,depth=2,context=16"
    model = DecoderClassifier(decoder=spec, vocabulary=23, classes=3, padding_id=0).double().eval()
    tokens = torch.randint(1, 23, (2, 5))
    torch.testing.assert_close(model(F.pad(tokens, (0, 4))), model(tokens), rtol=1e-10, atol=0)
    assert not torch.equal(model(tokens)[0], model(tokens[:, :4])[0])  # the last token counts


def test_another_model_is_refused():
    with pytest.raises(UsageError, match=r"decoder='mlp.* does not read from left to right"):
        DecoderClassifier(decoder="mlp:features=3,classes=2")
