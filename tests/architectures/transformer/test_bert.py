"""BERT against transformers with every head, and the paper's counts."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.transformer.bert import BERT
from cartograd.architectures.transformer.bert_parts import second_text
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.data.text.tokens import separator
from tests.architectures.transformer.published import (
    changed,
    compared,
    ours,
    same_file,
    saved,
    states,
)
from tests.data.text.test_tokenizer import bert as bert_tokenizer
from tests.reference import Reference

transformers = Reference("transformers")

HEADS = {
    "BertModel": ("", lambda found: found.last_hidden_state),
    "BertForMaskedLM": ("bert.", lambda found: found.logits),
    "BertForPreTraining": ("bert.", lambda found: found.prediction_logits),
    "BertForSequenceClassification": ("bert.", lambda found: found.logits),
    "BertForTokenClassification": ("bert.", lambda found: found.logits),
}


def reference(name, path, vocabulary=23):
    config = transformers.BertConfig(
        hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=24,
        vocab_size=vocabulary, max_position_embeddings=12, num_labels=3,
    )  # fmt: skip
    return saved(getattr(transformers, name)(config), path)


def texts():
    tokens = torch.randint(1, 23, (3, 9))
    tokens[1, 6:] = tokens[2, 2:] = 0
    return tokens


@pytest.mark.oracle("bert")
@pytest.mark.parametrize("name", HEADS)
def test_equals_transformers(name, tmp_path):
    theirs, (prefix, read) = reference(name, tmp_path), HEADS[name]
    mine, tokens = ours(tmp_path), texts()
    real = tokens != 0
    expected = theirs(tokens, attention_mask=real.long(), output_hidden_states=True)
    seen = states(mine.model.blocks)
    answer = mine(tokens)
    for one, other in zip(seen, expected.hidden_states[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    layer = "encoder.layer.1"
    pairs = [
        (f"{prefix}embeddings.token_type_embeddings.weight", "model.segments.weight"),
        (f"{prefix}{layer}.attention.self.query.weight", "model.blocks.1.attention.query.weight"),
        (f"{prefix}{layer}.output.LayerNorm.bias", "model.blocks.1.feed_forward_norm.bias"),
    ]
    same_file(tmp_path, mine, prefix)
    if name != "BertModel":  # whose pooler has no part in the features
        places = real if answer.ndim == 3 else None
        compared(theirs, mine, answer, read(expected), pairs, real=places)
    torch.testing.assert_close(answer, read(expected), rtol=1e-10, atol=1e-10)


@pytest.mark.oracle("bert")
def test_pairs_of_sentences_equal_transformers(tmp_path):
    theirs = reference("BertForPreTraining", tmp_path)
    mine, tokens = ours(tmp_path), torch.randint(1, 23, (2, 8))
    segments = (torch.arange(8) > 4).long().expand(2, -1)
    expected = theirs(tokens, token_type_ids=segments).seq_relationship_logits
    torch.testing.assert_close(
        mine.model.follows(tokens, segments), expected, rtol=1e-10, atol=1e-10
    )


@pytest.mark.oracle("bert")
@pytest.mark.parametrize("longest", [11, 7])
def test_pairs_of_texts_are_tokens_and_segments_as_in_transformers(tmp_path, longest):
    """From texts to logits: `[CLS] a [SEP] b [SEP]`, the longer text cut until both fit."""
    bert_tokenizer(tmp_path)
    reader = transformers.BertTokenizerFast.from_pretrained(str(tmp_path))
    theirs = reference("BertForSequenceClassification", tmp_path, 9)
    pairs = [("the cat", "cats sat"), ("cats", "the cat sat the cats sat"), ("sat", "the")]
    told = reader(
        *map(list, zip(*pairs, strict=True)), truncation=True, max_length=longest,
        padding="longest", return_tensors="pt",
    )  # fmt: skip
    source = hf(tmp_path)
    tokenizer = source.tokenizer.told(longest=longest)
    tokens = tokenizer.batch(pairs)
    assert separator(tokenizer) == 3
    assert torch.equal(tokens, told["input_ids"])
    assert torch.equal(second_text(tokens, 3, 0).long(), told["token_type_ids"])
    mine = build(Spec("bert", source.spec.args | {"separator_id": 3})).double().eval()
    mine.load_state_dict(source.model.state_dict())
    expected = theirs(**told).logits
    torch.testing.assert_close(mine(tokens), expected, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(source.double()(tokens), expected, atol=1e-3)


def test_a_published_file_holds_more_and_has_old_names(tmp_path):
    """As bert-base-uncased: the heads of pre-training in a folder that says masked."""
    reference("BertForPreTraining", tmp_path)
    changed(tmp_path, architectures=["BertForMaskedLM"])
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tokens = texts()
    whole = hf(tmp_path)(tokens)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {}
    for name, tensor in tensors.items():
        for new, before in old.items():
            name = name.replace(new, before)
        renamed[name] = tensor
    renamed["bert.embeddings.position_ids"] = torch.arange(12)[None]
    renamed["cls.predictions.decoder.weight"] = tensors[
        "bert.embeddings.word_embeddings.weight"
    ].clone()
    save_file(renamed, file)
    assert torch.equal(hf(tmp_path)(tokens), whole)


@pytest.mark.paper("bert")
@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("bert-base:head=hidden", 109_482_240),
        ("bert-base:head=pretraining", 110_106_428),
        ("bert-large:head=hidden", 335_141_888),
        ("bert-large:head=pretraining", 336_226_108),
    ],
)
def test_counts(spec, count):
    with torch.device("meta"):
        assert sum(weight.numel() for weight in build(spec).parameters()) == count


def tiny(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary": 23, "context": 12, "dim": 16, "heads": 2, "depth": 2}
    return BERT(**sizes | options).eval()


@pytest.mark.law("bert")
@pytest.mark.parametrize("head", ["masked", "classify", "tag", "hidden"])
def test_padding_changes_nothing(head):
    model, tokens = tiny(head=head, classes=3).double(), torch.randint(1, 23, (2, 5))
    alone = model(tokens)
    padded = model(torch.nn.functional.pad(tokens, (0, 4)))
    if head != "classify":
        padded = padded[:, :5]
    torch.testing.assert_close(padded, alone, rtol=1e-10, atol=1e-12)


@pytest.mark.law("bert")
def test_every_position_sees_all_others():
    model, tokens = tiny(head="hidden"), torch.randint(1, 23, (1, 6))
    before = model(tokens)
    for place in range(6):
        other = tokens.clone()
        other[0, place] = tokens[0, place] % 22 + 1
        assert ((model(other) - before).abs().amax(-1) > 1e-7).all()


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (lambda: tiny()(torch.ones(1, 13, dtype=torch.int64)), "13 tokens are more than the 12"),
        (lambda: tiny().pooled(torch.zeros(1, 2, 16)), "pools nothing"),
        (lambda: tiny().follows(*[torch.ones(1, 2, dtype=torch.int64)] * 2), "no next sentence"),
    ],
)
def test_what_cannot_be_done(do, said):
    with pytest.raises(UsageError, match=said):
        do()


def test_another_form_is_refused(tmp_path):
    reference("BertModel", tmp_path)
    with pytest.raises(UsageError, match="unknown architectures of bert 'BertLMHeadModel'"):
        hf(changed(tmp_path, architectures=["BertLMHeadModel"]))
    with pytest.raises(UsageError, match='hidden_act="relu" is a form of bert'):
        hf(changed(tmp_path, architectures=["BertModel"], hidden_act="relu"))
