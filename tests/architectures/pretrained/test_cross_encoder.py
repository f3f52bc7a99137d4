"""Models that compare two texts: what sentence-transformers makes of the same folders."""

from shutil import rmtree

import pytest
import torch

from cartograd.apps.load.pretrained import import_
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import change, write
from tests.architectures.transformer.test_decoder_embedding import comparing, embedding
from tests.reference import Reference

reference = Reference("sentence_transformers")
transformers = Reference("transformers")

PAIRS = [("who sat?", "the cat sat"), ("who is there?", "the mat"), ("cat", "the " * 40 + "cat")]
ONE = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
KINDS = ("bert", "distilbert", "roberta", "xlm-roberta", "electra", "modernbert", "deberta-v2",
         "bart classes", "qwen3 classes")  # fmt: skip
ANSWERS = ["yes", "no", "<|im_start|>", "<|im_end|>"]
SIGMOID, IDENTITY = "torch.nn.modules.activation.Sigmoid", "torch.nn.modules.linear.Identity"
NEWER, OLDER = "sentence_transformers", "sbert_ce_default_activation_function"


def written(folder, kind, **more):
    """A folder with one label, as rerankers have."""
    made = write(kind, folder, **ONE | more)
    sides = ["token_type_ids"] if kind in ("bert", "electra") else []  # as their tokenizers say
    names = ["input_ids", "attention_mask", *sides]
    return change(made, "tokenizer_config.json", model_max_length=24, model_input_names=names)


def expected(folder):
    other = reference.CrossEncoder(str(folder), device="cpu", local_files_only=True)
    return [float(other.predict([pair])[0]) for pair in PAIRS]  # alone: padding is no matter


def found(model):
    answers = predict(model, PAIRS)
    return [one["value"] if "value" in one else one["probabilities"]["LABEL_0"] for one in answers]


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", KINDS)
def test_pairs_are_scored_as_sentence_transformers_does(tmp_path, kind):
    """Also texts that are cut, each text told from the other where the model does so."""
    folder = written(tmp_path / "theirs", kind)
    assert found(hf(folder, compares=True)) == pytest.approx(expected(folder), abs=1e-5)
    again = import_(f"hf:{folder},compares=true", tmp_path / "bundle")
    assert found(again) == pytest.approx(expected(folder), abs=1e-5)
    single = hf(folder)
    assert not single.signature.input.pair
    assert len(predict(single, ["the cat", "who?"])) == 2


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("activation", [SIGMOID, IDENTITY])
@pytest.mark.parametrize("key", [NEWER, OLDER, "modules"])
def test_a_folder_that_says_so_needs_no_word(tmp_path, key, activation):
    folder = written(tmp_path, "bert")
    if key == "modules":
        other = reference.CrossEncoder(str(folder), device="cpu", local_files_only=True)
        other.activation_fn = torch.nn.Sigmoid() if activation == SIGMOID else torch.nn.Identity()
        folder = tmp_path / "saved"
        other.save_pretrained(str(folder))
    else:
        said = {"activation_fn": activation, "version": "4.0.1"} if key == NEWER else activation
        change(folder, **{key: said})
    mine = hf(folder)
    assert mine.signature.input.pair == ("query", "document")
    assert mine.signature.task.name == ("multi-label" if activation == SIGMOID else "regress")
    assert found(mine) == pytest.approx(expected(folder), abs=1e-5)


@pytest.mark.oracle("hf")
def test_classes_of_pairs(tmp_path):
    """As of entailment, whose logits are a softmax here."""
    folder = change(write("bart classes", tmp_path), "tokenizer_config.json", model_max_length=24)
    mine = hf(folder, compares=True)
    other = reference.CrossEncoder(str(folder), device="cpu", local_files_only=True)
    for pair, answer in zip(PAIRS, predict(mine, PAIRS, top=3), strict=True):
        shares = torch.tensor(other.predict([pair])[0]).softmax(0)
        for label, share in zip(("bad", "fair", "good"), shares.tolist(), strict=True):
            assert answer["probabilities"][label] == pytest.approx(share, abs=1e-5)


@pytest.mark.oracle("hf")
def test_a_decoder_that_says_yes_or_no_without_a_word_of_it(tmp_path):
    """As Qwen3-Reranker was published at first: template and tokens are those of the paper."""
    folder = comparing(tmp_path, bare=False, more=ANSWERS)
    rows = [other_row(folder, pair) for pair in PAIRS]
    other = transformers.AutoModelForCausalLM.from_pretrained(folder)
    for file in ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"):
        (folder / file).unlink()
    rmtree(folder / "1_LogitScore")
    assert hf(folder).signature.task.name == "next-token"
    words = transformers.AutoTokenizer.from_pretrained(folder)
    numbers = words.convert_tokens_to_ids(["yes", "no"])
    answers = predict(hf(folder, compares=True), PAIRS)
    for row, answer in zip(rows, answers, strict=True):
        with torch.no_grad():
            logits = other(torch.tensor([row])).logits[0, -1, numbers]
        share = logits.softmax(0)[0].item()
        assert answer["probabilities"]["yes"] == pytest.approx(share, abs=1e-5)


def other_row(folder, pair):
    """The tokens of the published recipe."""
    words = transformers.AutoTokenizer.from_pretrained(folder)
    head = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query "
        'and the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
        "<|im_start|>user\n"
    )
    text = (
        "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n"
        f"<Query>: {pair[0]}\n<Document>: {pair[1]}"
    )
    tail = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    return words.encode(head + text + tail, add_special_tokens=False)


def test_a_decoder_without_these_tokens_compares_nothing(tmp_path):
    folder = write("qwen3", tmp_path)
    with pytest.raises(
        UsageError, match=r"no token 'yes' of Qwen3-Reranker's and no modules\.json"
    ):
        hf(folder, compares=True)


@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        ("bert", {OLDER: "torch.nn.GELU"}, "activation_fn=.torch.nn.GELU. is not known"),
        ("bert", {NEWER: {"activation_fn": "my.Own"}}, "activation_fn=.my.Own. is not known"),
        ("bert tags", {NEWER: {"version": "5"}}, "for the task tag; expected one that classifies"),
        ("vit", {NEWER: {"version": "5"}}, "expected one that classifies texts"),
        ("t5", {NEWER: {"version": "5"}}, "for the task translate; expected one that classifies"),
        ("bert", {NEWER: "x"}, 'sentence_transformers="x" cannot be'),
    ],
)
def test_what_compares_nothing_is_refused_by_name(tmp_path, kind, more, told):
    with pytest.raises(UsageError, match=told):
        hf(change(write(kind, tmp_path), **more))


def test_a_model_that_embeds_compares_nothing(tmp_path):
    folder = embedding(tmp_path)
    assert not hf(folder).signature.input.pair
    with pytest.raises(UsageError, match=r"compares=true, and .*modules\.json says that"):
        hf(folder, compares=True)


def test_one_text_is_no_pair(tmp_path):
    mine = hf(written(tmp_path, "bert"), compares=True)
    with pytest.raises(UsageError, match="reads pairs of texts"):
        predict(mine, ["the cat"])
    for file in tmp_path.glob("token*.json"):
        file.unlink()
    with pytest.raises(UsageError, match=r"no tokenizer\.json"):
        hf(tmp_path, compares=True)
