"""MiniLM and sentence encoders: the vectors of sentence-transformers, in any order and company."""

import json

import pytest
import torch

from cartograd.apps.load.pretrained import import_
from cartograd.apps.load.target import as_signed
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.pretrained.minilm import minilm
from cartograd.architectures.transformer.sentence_encoder import (
    SentenceEncoder,
    encode,
    in_context,
)
from cartograd.core.errors import UsageError
from cartograd.data.store import packages
from tests.data.text.test_tokenizer import bert
from tests.reference import Reference

transformers = Reference("transformers")
reference_sentence_transformers = Reference("sentence_transformers")

TEXTS = ["the cat sat", "cats", "sat the cats " * 9, "the", "cat, cat"]


@pytest.fixture
def folder(tmp_path):
    """A folder of sentence-transformers with a tiny random BERT."""
    bert(tmp_path, model_max_length=16)
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=12, max_position_embeddings=24, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    made = transformers.BertModel(config)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    made.save_pretrained(tmp_path)
    kinds = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(kinds)
    ]
    pooling = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "2_Normalize").mkdir()
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    return tmp_path


def theirs(folder, texts, dtype=torch.float64):
    model = reference_sentence_transformers.SentenceTransformer(
        str(folder), device="cpu", local_files_only=True
    ).to(dtype)
    return model.encode(texts, convert_to_tensor=True, show_progress_bar=False)


@pytest.mark.oracle("sentence-encoder")
def test_the_vectors_are_those_of_sentence_transformers(folder):
    ours = minilm(folder).double()
    torch.testing.assert_close(encode(ours, TEXTS), theirs(folder, TEXTS), rtol=0, atol=1e-10)


@pytest.mark.law("sentence-encoder")
@pytest.mark.parametrize("tokens", [1, 12, 4096])
def test_company_and_order_change_nothing(folder, tokens):
    ours = minilm(folder).double()
    found = encode(ours, TEXTS, tokens=tokens)
    alone = torch.cat([encode(ours, [text]) for text in TEXTS])
    torch.testing.assert_close(found, alone, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(5).double())
    flipped = encode(ours, TEXTS[::-1], tokens=tokens).flip(0)
    torch.testing.assert_close(flipped, found, rtol=0, atol=1e-12)


@pytest.mark.law("sentence-encoder")
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_each_text_of_a_pair_is_read_as_if_it_stood_alone(folder, pooling):
    ours = minilm(folder).double()
    args = ours.spec.args | {"pooling": pooling}
    alone = SentenceEncoder(**args).double().eval()
    alone.load_state_dict(ours.model.state_dict())
    both = SentenceEncoder(**args, separator_id=3, classes=2).double().eval()
    both.load_state_dict(ours.model.state_dict(), strict=False)
    pairs = [("the cat sat", "cats"), ("cat", "sat the cats sat the"), ("the", "the")]
    u, v = (
        torch.cat([alone(ours.tokenizer.batch([text])) for text in side])
        for side in zip(*pairs, strict=True)
    )
    expected = both.head(torch.cat([u, v, (u - v).abs()], 1))
    tokens = ours.tokenizer.batch(pairs)
    torch.testing.assert_close(both(tokens), expected, rtol=0, atol=1e-12)
    wide = torch.nn.functional.pad(tokens, (0, 4))
    torch.testing.assert_close(both(wide), expected, rtol=0, atol=1e-12)


@pytest.mark.paper("sentence-encoder")
def test_published_size():
    with torch.device("meta"):
        model = SentenceEncoder()
    pooler = 384 * 384 + 384
    assert sum(p.numel() for p in model.parameters()) + pooler == 22_713_216


def test_words_where_they_stand(folder):
    ours = minilm(folder)
    hidden = ours.model.encoder.hidden(torch.tensor([[2, 5, 6, 8, 7, 3]]))[0]
    torch.testing.assert_close(in_context(ours, "the cats sat", "cats"), hidden[2:4].mean(0))
    torch.testing.assert_close(in_context(ours, "the cats sat", "the"), hidden[1])
    with pytest.raises(UsageError, match="'dog' is not in 'the cat'"):
        in_context(ours, "the cat", "dog")


def test_predict_gives_vectors(folder, tmp_path):
    path = import_(f"minilm:{folder}", tmp_path / "bundle")
    answers = predict(path, TEXTS)
    found = torch.tensor([answer["vector"] for answer in answers])
    torch.testing.assert_close(found, encode(minilm(folder), TEXTS), rtol=0, atol=1e-6)
    assert as_signed(path).tokenizer.longest == 16


def told(folder, name, value):
    (folder / name).write_text(json.dumps(value))
    return folder


POOLING, BESIDE = "1_Pooling/config.json", "config_sentence_transformers.json"
LATER = "sentence_bert_config.json"


@pytest.mark.oracle("sentence-encoder")
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize(
    "pooling",
    [
        {"pooling_mode": "mean", "embedding_dimension": 8},
        {"pooling_mode": "cls", "embedding_dimension": 8, "include_prompt": True},
        {"pooling_mode_max_tokens": True, "word_embedding_dimension": 8},
        {
            "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False,
            "word_embedding_dimension": 8,
        },
    ],
)  # fmt: skip
def test_every_way_to_pool_is_that_of_sentence_transformers(folder, pooling, unit):
    told(folder, POOLING, pooling)
    modules = json.loads((folder / "modules.json").read_text())
    told(folder, "modules.json", modules[: 2 + unit])
    ours = hf(folder).double()
    torch.testing.assert_close(encode(ours, TEXTS), theirs(folder, TEXTS), rtol=0, atol=1e-10)


@pytest.mark.oracle("sentence-encoder")
def test_texts_are_cut_where_sentence_transformers_does(folder):
    (folder / LATER).unlink()
    for longest in (7, None):
        file = folder / "tokenizer_config.json"
        told(folder, file.name, json.loads(file.read_text()) | {"model_max_length": longest})
        ours = hf(folder).double()
        torch.testing.assert_close(encode(ours, TEXTS), theirs(folder, TEXTS), rtol=0, atol=1e-10)
        assert ours.tokenizer.longest == (longest or 24)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (POOLING, {"pooling_mode": "lasttoken"}, r'pooling_mode=."lasttoken". is not known'),
        (POOLING, {"pooling_mode": ["mean", "max"]}, r'pooling_mode=."mean", "max". is not known'),
        (POOLING, {"pooling_mode": 5}, "pooling_mode=5 is not known"),
        (
            POOLING,
            {"pooling_mode_lasttoken": True},
            r'pooling_mode=."lasttoken". is not known',
        ),
        (POOLING, [], "holds a list"),
        (BESIDE, {"similarity_fn_name": "dot"}, 'similarity_fn_name="dot" is not understood'),
        (BESIDE, {"default_prompt_name": "query", "prompts": {}}, "default_prompt_name"),
        (LATER, {"do_lower_case": True}, "do_lower_case=true is not understood"),
        (LATER, {"max_seq_length": "long"}, "max_seq_length"),
        ("modules.json", {}, "holds a dict; expected a list"),
        ("modules.json", [], "lists nothing; expected Transformer, Pooling"),
        ("modules.json", [5, {"type": "models.Dense"}], "lists 5, Dense; expected Transformer"),
        (
            "modules.json",
            [{"type": "Transformer", "path": ""}, {"type": "Pooling"}],
            "path=null",
        ),
        ("config.json", {"model_type": "gpt2"}, "model_type is 'gpt2', expected 'bert'"),
    ],
)
def test_what_is_not_understood_is_named(folder, name, value, said):
    with pytest.raises(UsageError, match=said):
        hf(told(folder, name, value))


@pytest.fixture(scope="module")
def fetched():
    """The real folder, where it has been fetched."""
    try:
        return packages.where("minilm") / "model"
    except UsageError as error:
        pytest.skip(str(error))


@pytest.mark.place("arch/bert")
@pytest.mark.oracle("minilm")
def test_minilm_is_that_of_sentence_transformers(fetched):
    texts = [
        "A cat sits on the mat.", "A kitten lies on a rug.", "The stock market fell sharply.",
        "word " * 400, "x",
    ]  # fmt: skip
    found = encode(minilm(), texts)
    expected = theirs(fetched, texts, torch.float32)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    alike, apart = (found[0] @ found[i] for i in (1, 2))
    assert alike > 0.5
    assert apart < 0.2


def test_a_bank_is_not_a_bank(fetched):
    model = minilm()
    money, river, loan = (
        in_context(model, text, "bank")
        for text in (
            "She opened an account at the bank.",
            "They sat on the grassy bank of the river.",
            "The bank refused the loan.",
        )
    )
    near, far = (torch.cosine_similarity(money, other, dim=0) for other in (loan, river))
    assert near > far + 0.1
