"""Folders as people bring them: read as transformers does, or refused by what they are."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from cartograd.apps.load.pretrained import import_
from cartograd.apps.load.target import as_signed
from cartograd.apps.load.writing import Writing
from cartograd.apps.verbs.generate import generate, stream
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained import published_writing
from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.transformer.vit import interpolated
from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer
from tests.architectures.pretrained.published_folders import (
    INDEX,
    LABELS,
    TEXTS,
    both,
    change,
    theirs,
    write,
)
from tests.reference import Reference

transformers = Reference("transformers")

PROBLEMS = ("regression", "single_label_classification", "multi_label_classification", None)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", ["bert", "gpt2 classes", "llama classes", "vit"])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("labels", [1, 2, 4])
def test_heads_answer_as_their_pipelines(kind, problem, labels, tmp_path):
    names = {str(number): f"class {number}" for number in range(labels)}
    folder = write(kind, tmp_path, id2label=names, label2id=None)
    change(folder, problem_type=problem)
    if problem == "single_label_classification" and labels == 1:
        with pytest.raises(UsageError, match="problem_type"):
            hf(folder)
        return
    both(folder)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", ["distilbert", "roberta", "xlm-roberta", "modernbert"])
@pytest.mark.parametrize("head", ["", " masked", " tags"])
def test_kin_of_bert_answers_as_its_pipelines(kind, head, tmp_path):
    """Padding, which moves no position of the text, with it."""
    mine, other = both(write(kind + head, tmp_path)), theirs(tmp_path)
    tokens = torch.tensor([[2, 9, 8, 7, 3], [2, 7, 3, 0, 0]])
    with torch.no_grad():
        expected = other.model(tokens, attention_mask=(tokens != 0).long()).logits
        found = mine(tokens)
    rows = slice(None) if not head else tokens != 0
    torch.testing.assert_close(found[rows], expected[rows], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        (
            "distilbert",
            {"architectures": ["DistilBertForMultipleChoice"]},
            "unknown architectures of distil",
        ),
        ("distilbert", {"activation": "relu"}, 'activation="relu" is a form of distilbert'),
        ("roberta", {"architectures": ["RobertaForMultipleChoice"]}, "unknown architectures of r"),
        ("roberta", {"is_decoder": True}, "is_decoder=true is a form of roberta"),
        ("roberta", {"max_position_embeddings": 1}, "leaves no position"),
        ("gpt2", {"architectures": ["GPT2ForQuestionAnswering"]}, "unknown architectures of gpt2"),
        ("t5", {"architectures": ["T5ForPreTraining"]}, "unknown architectures of t5"),
        ("qwen3", {"rope_parameters": {"rope_type": "yarn"}}, "of type yarn lack 'factor'"),
        ("qwen3", {"rope_scaling": {"type": "yarn", "factor": -2.0}}, "factor=-2.0 cannot be"),
        ("gemma3_text", {"rope_parameters": {"full_attention": 3}}, "full_attention=3 cannot be"),
        ("gemma2", {"query_pre_attn_scalar": 0}, "query_pre_attn_scalar=0 cannot be"),
        ("modernbert", {"rope_parameters": {"full_attention": 4}}, "full_attention=4 cannot be"),
        ("mixtral", {"num_experts_per_tok": 9}, "k=9 of experts=3"),
    ],
)
def test_other_kin_is_refused_by_name(tmp_path, kind, more, told):
    with pytest.raises(UsageError, match=told):
        hf(change(write(kind, tmp_path), **more))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"id2label": {"0": "a", "1": "b", "2": "a"}}, "id2label calls classes 0 and 2 'a'"),
        ({"id2label": {"1": "a", "2": "b", "3": "c"}}, "does not number its classes"),
        ({"id2label": {}}, "id2label"),
        ({"id2label": {"0": 1, "1": "b", "2": "c"}}, "has a name that is no text"),
        ({"problem_type": "ranking"}, "unknown problem_type 'ranking'"),
        ({"architectures": ["BertForMultipleChoice"]}, "unknown architectures of bert"),
        ({"architectures": ["BertForMaskedLM", "BertModel"]}, "architectures"),
        ({"architectures": "BertModel"}, "architectures"),
        ({"vocab_size": "60"}, 'vocab_size="60" cannot be; expected a whole number above 0'),
        ({"hidden_size": True}, "hidden_size=true cannot be"),
        ({"hidden_size": None}, "hidden_size=null cannot be"),
        ({"auto_map": {"AutoModel": "code.Model"}}, "auto_map"),
    ],
)
def test_labels_and_types_that_cannot_be(tmp_path, more, told):
    with pytest.raises(UsageError, match=told):
        hf(change(write("bert", tmp_path), **more))


@pytest.mark.parametrize("vocabulary", [60, 200, 300])
def test_without_a_tokenizer_texts_are_refused(tmp_path, vocabulary):
    folder = write("bert", tmp_path, vocab_size=vocabulary)
    for file in folder.glob("token*.json"):
        file.unlink()
    model = hf(folder)
    with pytest.raises(UsageError, match="there is no tokenizer"):
        predict(model, TEXTS)
    assert len(predict(model, torch.tensor([[2, 7, 3]]))) == 1


@pytest.mark.oracle("hf")
def test_a_variant_in_half_precision_is_left_alone(tmp_path):
    folder = write("llama", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    save_file({n: t.half() + 1 for n, t in tensors.items()}, folder / "model.fp16.safetensors")
    both(folder)


@pytest.mark.oracle("hf")
def test_several_files_and_half_precision(tmp_path):
    folder = write("llama", tmp_path)
    found = theirs(folder).model
    (folder / "model.safetensors").unlink()
    found.to(torch.bfloat16).save_pretrained(folder, max_shard_size="10KB")
    assert (folder / INDEX).is_file()
    rounded = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokens = torch.randint(2, 100, (2, 7))
    torch.testing.assert_close(hf(folder)(tokens), rounded(tokens).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("new", [True, False])
def test_t5_is_tied_as_its_tensors_say(tmp_path, tied, own, new):
    """As transformers 5 saves it, and with a matrix of its own for the scores, as 4 did."""
    folder = write("t5", tmp_path, feed_forward_proj="gated-gelu", tie_word_embeddings=tied)
    if own:
        tensors = load_file(folder / "model.safetensors")
        tensors["lm_head.weight"] = torch.randn_like(tensors["shared.weight"]) * 0.2
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    if not new:  # 4 did not write this key
        change(folder, without=("scale_decoder_outputs",), tie_word_embeddings=tied)
    mine = both(folder)
    assert (mine.model.head is None) == (tied and not own)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize(
    "more",
    [
        {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]},
        {"do_normalize": False},
        {"resample": 2, "size": {"height": 8, "width": 8}, "do_convert_rgb": True},
        {"do_resize": False},
    ],
)
def test_pixels_become_numbers_as_the_folder_says(tmp_path, more):
    both(change(write("vit", tmp_path), "preprocessor_config.json", **more))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_mean", [0.5]), ("image_std", [0.5, 0.5, 0]), ("image_std", "half"),
        ("rescale_factor", 1.0), ("do_rescale", False), ("resample", 3),
        ("size", {"shortest_edge": 8}), ("size", 16), ("do_center_crop", True),
        ("crop_size", {"height": 4, "width": 4}), ("do_normalize", 5), ("something_new", 1),
    ],
)  # fmt: skip
def test_other_pictures_are_refused_by_name(tmp_path, key, value):
    folder = change(write("vit", tmp_path), "preprocessor_config.json", **{key: value})
    with pytest.raises(UsageError, match=rf"preprocessor_config\.json: {key}="):
        hf(folder)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", ["gpt2", "llama", "t5"])
@pytest.mark.parametrize("ends", [7, [40, 41, 42], list(range(60, 250))])
def test_texts_end_where_the_folder_says(tmp_path, kind, ends):
    folder = change(write(kind, tmp_path), "generation_config.json", eos_token_id=ends)
    mine = both(folder)
    assert Writing(mine).stop == {ends} if isinstance(ends, int) else set(ends)
    again = as_signed(import_(f"hf:{folder}", tmp_path / "bundle"))
    assert Writing(again).stop == Writing(mine).stop


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, 7) for key in published_writing.REFUSED), ("eos_token_id", "end"),
        ("eos_token_id", [10**9]), ("something_new", 1), ("num_beams", 0), ("num_beams", True),
        ("repetition_penalty", 0), ("repetition_penalty", "much"), ("early_stopping", "soon"),
    ],
)  # fmt: skip
def test_other_ways_to_write_are_refused_by_name(tmp_path, key, value):
    (tmp_path / "generation_config.json").write_text(json.dumps({key: value}))
    with pytest.raises(UsageError, match=f"{key}="):
        published_writing.writes(tmp_path, {"model_type": "llama"}, Tokenizer.bytes())


@pytest.mark.parametrize("key", published_writing.REFUSED)
def test_values_that_ask_for_nothing_are_passed_over(tmp_path, key):
    for value in (None, False, *published_writing.REFUSED[key]):
        (tmp_path / "generation_config.json").write_text(json.dumps({key: value}))
        found = published_writing.writes(tmp_path, {"model_type": "llama"}, Tokenizer.bytes())
        assert found.manner == {}


def test_what_is_left_to_the_caller_is_said(tmp_path):
    more = {"temperature": 0.7, "do_sample": True, "top_p": 0.9}
    folder = change(write("llama", tmp_path), "generation_config.json", **more)
    told = r"drawn tokens \(do_sample=true, temperature=0\.7, top_p=0\.9\): that is left to you"
    with pytest.warns(UserWarning, match=told):
        hf(folder)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", ["llama", "t5", "bart"])
@pytest.mark.parametrize(
    "manner",
    [
        {"no_repeat_ngram_size": 1}, {"no_repeat_ngram_size": 2, "num_beams": 3},
        {"repetition_penalty": 1.7}, {"num_beams": 3}, {"num_beams": 3, "early_stopping": True},
        {"num_beams": 2, "length_penalty": -1.0, "early_stopping": "never"},
        {"num_beams": 3, "repetition_penalty": 1.4, "length_penalty": 2.0},
    ],
)  # fmt: skip
def test_texts_are_written_as_the_folder_says(tmp_path, kind, manner):
    """By generate, by its stream, of the bundle, and by predict where a text answers a text."""
    folder = change(write(kind, tmp_path), "generation_config.json", **manner)
    other, mine = theirs(folder), hf(folder)
    inputs = other.tokenizer(TEXTS[0], return_tensors="pt")["input_ids"]
    numbers = other.model.generate(inputs, max_new_tokens=8)[0].tolist()
    numbers = numbers[inputs.shape[1] if kind == "llama" else 1 :]
    [found] = generate(mine, [TEXTS[0]], length=8, plain=True)
    assert list(found.tokens) == [number for number in numbers if number != 0]
    assert "".join(stream(mine, TEXTS[0], length=8, plain=True)) == found.text
    again = as_signed(import_(f"hf:{folder}", tmp_path / "bundle"))
    assert generate(again, [TEXTS[0]], length=8, plain=True)[0].tokens == found.tokens
    usual = "repetition-penalty:repetition_penalty=1,no-repeat-ngram:ngram=99,greedy"
    plain = generate(mine, TEXTS[0], length=8, beams=1, samplers=usual, plain=True)
    assert plain[0].tokens != found.tokens
    if kind != "llama":
        whole = generate(mine, [TEXTS[0]], length=128)[0].text
        assert predict(mine, TEXTS[:1])[0]["text"] == whole


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", ["t5", "mt5", "umt5", "bart"])
@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(
    "bounds",
    [
        {"forced_bos_token_id": 9}, {"forced_eos_token_id": 7}, {"min_length": 6},
        {"forced_bos_token_id": 9, "forced_eos_token_id": 7, "min_length": 5,
         "no_repeat_ngram_size": 2, "length_penalty": 2.0, "early_stopping": True},
    ],
)  # fmt: skip
def test_answers_are_bounded_as_the_folder_says(tmp_path, kind, beams, bounds):
    """As facebook/bart-large-cnn writes its summaries."""
    end = list(range(20, 38))
    said = {"num_beams": beams, "eos_token_id": end} | bounds
    folder = change(write(kind, tmp_path), "generation_config.json", **said)
    other, mine = theirs(folder), hf(folder)
    for text in TEXTS:
        inputs = other.tokenizer(text, return_tensors="pt")["input_ids"]
        numbers = other.model.generate(inputs, max_new_tokens=9)[0].tolist()[1:]
        [found] = generate(mine, [text], length=9)
        assert list(found.tokens) == numbers
        assert generate(mine, TEXTS, length=9)[TEXTS.index(text)].tokens == found.tokens
        assert "".join(stream(mine, text, length=9)) == found.text
    again = as_signed(import_(f"hf:{folder}", tmp_path / "bundle"))
    assert again.tokenizer.manner == mine.tokenizer.manner


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("forced_bos_token_id", 10**9), ("forced_eos_token_id", [3]), ("min_length", -1),
        ("min_length", "long"), ("no_repeat_ngram_size", -1), ("no_repeat_ngram_size", 2.5),
    ],
)  # fmt: skip
def test_bounds_that_cannot_be_are_refused_by_name(tmp_path, key, value):
    folder = change(write("t5", tmp_path), "generation_config.json", **{key: value})
    with pytest.raises(UsageError, match=key):
        hf(folder)


def test_every_key_of_theirs_is_in_one_list():
    """What is refused is refused with any value but those that ask for nothing."""
    keys = set(transformers.GenerationConfig().to_dict())
    lists = [published_writing.UNDERSTOOD, published_writing.CHOSEN, published_writing.REFUSED]
    assert keys <= {key for listed in lists for key in listed}
    assert sum(map(len, lists)) == len({key for listed in lists for key in listed})


@pytest.mark.parametrize(
    "family",
    ["bloom", "clip", "deberta", "dinov2", "funnel", "gemma", "gemma3n", "gpt-oss",
     "marian", "mbart", "pegasus", "phi4", "qwen3_next", "resnet", "siglip", "wav2vec2",
     5, None],
)  # fmt: skip
def test_families_that_are_not_known_are_named(tmp_path, family):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": family}))
    with pytest.raises(UsageError, match=f"unknown model_type '{family}'"):
        hf(tmp_path)


@pytest.mark.oracle("hf")
def test_learned_positions_of_a_listener_are_not_passed_over(tmp_path):
    """Whisper's are computed; a file with others is of another model."""
    folder = write("whisper", tmp_path)
    both(folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.encoder.embed_positions.weight"] += 0.1
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UsageError, match=r"embed_positions.*the encoder's positions are learned"):
        hf(folder)


def test_pictures_of_another_size(tmp_path):
    """By size=, through the bundle; a model of texts has none."""
    folder = write("vit", tmp_path / "theirs")
    told = "positions of 2x2 patches are interpolated to 4x4"
    with pytest.warns(UserWarning, match=told):
        again = as_signed(import_(f"hf:{folder},size=16", tmp_path / "bundle"))
    assert again.signature.input.dims == (3, 16, 16)
    whole = hf(folder)
    expected = interpolated(whole.model.positions.detach(), 4)
    assert torch.equal(again.model.positions, expected)
    with pytest.raises(UsageError, match="size=16 is for models of pictures with positions"):
        hf(write("bert", tmp_path / "texts"), size=16)


@pytest.mark.oracle("hf")
def test_grey_pictures_and_labels_reach_the_answer(tmp_path):
    """A picture file by way of the bundle."""
    folder = write("vit", tmp_path / "theirs")
    again = import_(f"hf:{folder}", tmp_path / "bundle")
    Image.fromarray(np.full((8, 8, 3), 128, dtype=np.uint8)).save(tmp_path / "grey.png")
    one, other = (predict(model, [tmp_path / "grey.png"])[0] for model in (again, hf(folder)))
    assert set(one["probabilities"]) == set(LABELS["id2label"].values())
    assert one["probabilities"] == pytest.approx(other["probabilities"])
