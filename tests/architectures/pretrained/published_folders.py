"""Small folders of every family that transformers writes, and both sides' answers to the same."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers
import torch
from PIL import Image

from cartograd.apps.verbs.generate import generate
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.hf import hf
from tests.reference import Reference

transformers = Reference("transformers")

TEXTS = ["the cat sat on the mat", "who is there?"]
LABELS = {
    "id2label": {0: "bad", 1: "fair", 2: "good"},
    "label2id": {"bad": 0, "fair": 1, "good": 2},
}
BERT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 32,
}  # fmt: skip
DISTIL = {
    "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 32,
}  # fmt: skip
ROBERTA = BERT | {"max_position_embeddings": 33, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
DEBERTA = BERT | {
    "relative_attention": True, "position_buckets": 4, "share_att_key": True,
    "position_biased_input": False, "norm_rel_ebd": "layer_norm", "pos_att_type": ["p2c", "c2p"],
}  # fmt: skip
ELECTRA = BERT | {"embedding_size": 12}
MODERN = BERT | {"local_attention": 4}
GPT = {"n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2, "bos_token_id": 1}
LLAMA = BERT | {"num_key_value_heads": 1, "bos_token_id": 1}
QWEN3 = LLAMA | {"head_dim": 6}
MOE = {"num_local_experts": 3, "num_experts_per_tok": 2}
GEMMA = QWEN3 | {"sliding_window": 4, "query_pre_attn_scalar": 9}
T5 = {
    "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2, "pad_token_id": 0,
    "decoder_start_token_id": 0,
}  # fmt: skip
BART = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24,
    "max_position_embeddings": 32, "bos_token_id": 2, "decoder_start_token_id": 3,
    "forced_eos_token_id": 3,
}  # fmt: skip
WHISPER = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "num_mel_bins": 10,
    "max_source_positions": 20, "max_target_positions": 12, "pad_token_id": 0, "bos_token_id": 1,
    "decoder_start_token_id": 1,
}  # fmt: skip
VIT = {
    "image_size": 8, "patch_size": 4, "hidden_size": 16, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 24,
}  # fmt: skip

MODELS = {
    "bert": ("BertForSequenceClassification", "BertConfig", BERT | LABELS),
    "bert masked": ("BertForMaskedLM", "BertConfig", BERT),
    "bert tags": ("BertForTokenClassification", "BertConfig", BERT | LABELS),
    "bert answers": ("BertForQuestionAnswering", "BertConfig", BERT),
    "bert features": ("BertModel", "BertConfig", BERT),
    "distilbert features": ("DistilBertModel", "DistilBertConfig", DISTIL),
    "roberta features": ("RobertaModel", "RobertaConfig", ROBERTA),
    "xlm-roberta features": ("XLMRobertaModel", "XLMRobertaConfig", ROBERTA),
    "deberta-v2 features": ("DebertaV2Model", "DebertaV2Config", DEBERTA),
    "electra features": ("ElectraModel", "ElectraConfig", ELECTRA),
    "modernbert features": ("ModernBertModel", "ModernBertConfig", MODERN),
    "distilbert": ("DistilBertForSequenceClassification", "DistilBertConfig", DISTIL | LABELS),
    "distilbert masked": ("DistilBertForMaskedLM", "DistilBertConfig", DISTIL),
    "distilbert tags": ("DistilBertForTokenClassification", "DistilBertConfig", DISTIL | LABELS),
    "distilbert answers": ("DistilBertForQuestionAnswering", "DistilBertConfig", DISTIL),
    "roberta": ("RobertaForSequenceClassification", "RobertaConfig", ROBERTA | LABELS),
    "roberta masked": ("RobertaForMaskedLM", "RobertaConfig", ROBERTA),
    "roberta tags": ("RobertaForTokenClassification", "RobertaConfig", ROBERTA | LABELS),
    "roberta answers": ("RobertaForQuestionAnswering", "RobertaConfig", ROBERTA),
    "roberta two": (
        "RobertaForQuestionAnswering",
        "RobertaConfig",
        ROBERTA | {"type_vocab_size": 2},
    ),
    "xlm-roberta": ("XLMRobertaForSequenceClassification", "XLMRobertaConfig", ROBERTA | LABELS),
    "xlm-roberta masked": ("XLMRobertaForMaskedLM", "XLMRobertaConfig", ROBERTA),
    "xlm-roberta tags": ("XLMRobertaForTokenClassification", "XLMRobertaConfig", ROBERTA | LABELS),
    "xlm-roberta answers": ("XLMRobertaForQuestionAnswering", "XLMRobertaConfig", ROBERTA),
    "deberta-v2": ("DebertaV2ForSequenceClassification", "DebertaV2Config", DEBERTA | LABELS),
    "deberta-v2 masked": ("DebertaV2ForMaskedLM", "DebertaV2Config", DEBERTA),
    "deberta-v2 tags": ("DebertaV2ForTokenClassification", "DebertaV2Config", DEBERTA | LABELS),
    "deberta-v2 answers": ("DebertaV2ForQuestionAnswering", "DebertaV2Config", DEBERTA),
    "electra": ("ElectraForSequenceClassification", "ElectraConfig", ELECTRA | LABELS),
    "electra masked": ("ElectraForMaskedLM", "ElectraConfig", ELECTRA),
    "electra tags": ("ElectraForTokenClassification", "ElectraConfig", ELECTRA | LABELS),
    "electra answers": ("ElectraForQuestionAnswering", "ElectraConfig", ELECTRA),
    "modernbert": ("ModernBertForSequenceClassification", "ModernBertConfig", MODERN | LABELS),
    "modernbert masked": ("ModernBertForMaskedLM", "ModernBertConfig", MODERN),
    "modernbert tags": ("ModernBertForTokenClassification", "ModernBertConfig", MODERN | LABELS),
    "modernbert answers": ("ModernBertForQuestionAnswering", "ModernBertConfig", MODERN),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", GPT),
    "gpt2 classes": ("GPT2ForSequenceClassification", "GPT2Config", GPT | LABELS),
    "openai-gpt": ("OpenAIGPTLMHeadModel", "OpenAIGPTConfig", GPT),
    "llama": ("LlamaForCausalLM", "LlamaConfig", LLAMA),
    "llama classes": ("LlamaForSequenceClassification", "LlamaConfig", LLAMA | LABELS),
    "mistral": ("MistralForCausalLM", "MistralConfig", LLAMA | {"sliding_window": 4}),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", LLAMA),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", QWEN3),
    "qwen3 classes": ("Qwen3ForSequenceClassification", "Qwen3Config", QWEN3 | LABELS),
    "qwen3_moe": (
        "Qwen3MoeForCausalLM",
        "Qwen3MoeConfig",
        LLAMA | {"moe_intermediate_size": 12, "num_experts": 3, "num_experts_per_tok": 2},
    ),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config", GEMMA),
    "gemma3_text": ("Gemma3ForCausalLM", "Gemma3TextConfig", GEMMA | {"sliding_window_pattern": 2}),
    "phi3": ("Phi3ForCausalLM", "Phi3Config", LLAMA),
    "smollm3": ("SmolLM3ForCausalLM", "SmolLM3Config", LLAMA | {"no_rope_layer_interval": 2}),
    "olmo2": ("Olmo2ForCausalLM", "Olmo2Config", LLAMA),
    "mixtral": ("MixtralForCausalLM", "MixtralConfig", LLAMA | MOE),
    "gpt_oss": ("GptOssForCausalLM", "GptOssConfig", QWEN3 | MOE | {"sliding_window": 4}),
    "t5": ("T5ForConditionalGeneration", "T5Config", T5),
    "t5 encoder": ("T5EncoderModel", "T5Config", T5),
    "t5 classes": ("T5ForSequenceClassification", "T5Config", T5 | LABELS),
    "t5 tags": ("T5ForTokenClassification", "T5Config", T5 | LABELS),
    "t5 answers": ("T5ForQuestionAnswering", "T5Config", T5),
    "mt5": ("MT5ForConditionalGeneration", "MT5Config", T5),
    "mt5 classes": ("MT5ForSequenceClassification", "MT5Config", T5 | LABELS),
    "mt5 encoder": ("MT5EncoderModel", "MT5Config", T5),
    "umt5": ("UMT5ForConditionalGeneration", "UMT5Config", T5),
    "bart": ("BartForConditionalGeneration", "BartConfig", BART),
    "bart classes": ("BartForSequenceClassification", "BartConfig", BART | LABELS),
    "bart answers": ("BartForQuestionAnswering", "BartConfig", BART),
    "bart features": ("BartModel", "BartConfig", BART),
    "vit": ("ViTForImageClassification", "ViTConfig", VIT | LABELS),
    "whisper": ("WhisperForConditionalGeneration", "WhisperConfig", WHISPER),
}
"""Model, configuration and sizes of each."""

INDEX = "model.safetensors.index.json"
"""Which of several files each tensor is in."""


ENDED = ("t5 classes", "t5 tags", "t5 answers", "mt5 classes")
"""Kinds that read texts with an end and no beginning."""


def words(kind="bert"):
    """A tokenizer of pieces of words, as BERT's; RoBERTa's does not number the sides of a pair."""
    single, pair = "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"
    if (
        kind.startswith(("roberta", "xlm-roberta", "modernbert", "deberta", "bart"))
        and "two" not in kind
    ):
        pair = "[CLS] $A [SEP] [SEP] $B:0 [SEP]"
    if kind in ENDED:
        single, pair = "$A [SEP]", "$A [SEP] $B:0 [SEP]"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer()
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.decoder = tokenizers.decoders.WordPiece()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=60, special_tokens=special, show_progress=False
    )
    made.train_from_iterator(TEXTS * 3, trainer)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single=single, pair=pair,
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )  # fmt: skip
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, **dict(zip(names, special, strict=True))
    )


def pieces():
    """A tokenizer of bytes, as GPT-2's."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=280, special_tokens=["<pad>", "<|endoftext|>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(TEXTS, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<|endoftext|>",
        bos_token="<|endoftext|>",
    )  # fmt: skip


def write(kind, folder, **more):
    """A folder of a kind of `MODELS` with random weights that matter."""
    model, config, sizes = MODELS[kind]
    pieced = kind in ENDED or any(name in kind for name in ("bert", "electra", "bart"))
    tokenizer = None if kind == "vit" else words(kind) if pieced else pieces()
    said = dict(sizes)
    if tokenizer is not None:
        end = 3 if kind.startswith("bart") or kind in ENDED else 1
        said |= {"vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": end}
        tokenizer.save_pretrained(folder)
    if kind == "vit":
        side = more.get("image_size", 8)
        transformers.ViTImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
    torch.manual_seed(0)
    made = getattr(transformers, model)(getattr(transformers, config)(**said | more))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if not weight.requires_grad:
                continue  # positions by a formula
            one = "norm" in name.lower() or "ln_" in name
            weight.copy_(torch.randn_like(weight) * 0.2 + (one and not model.startswith("Gemma")))
    made.save_pretrained(folder)
    return folder


def change(folder, name="config.json", /, *, without=(), **more):
    """The folder with other settings."""
    file = folder / name
    said = json.loads(file.read_text()) if file.is_file() else {}
    said = {key: value for key, value in (said | more).items() if key not in without}
    file.write_text(json.dumps(said))
    return folder


def theirs(folder):
    """Transformers' model of a folder, with its tokenizer."""
    config = json.loads((folder / "config.json").read_text())
    found = getattr(transformers, config["architectures"][0]).from_pretrained(folder)
    has = (folder / "tokenizer.json").is_file()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder) if has else None
    return SimpleNamespace(model=found.float().eval(), tokenizer=tokenizer)


@torch.no_grad()
def same_logits(mine, other, folder):
    """The same numbers for the same inputs."""
    port = mine.signature.input
    if port.kind == "image":
        x = torch.rand(2, *port.dims)
        file = folder / "preprocessor_config.json"
        said = json.loads(file.read_text()) if file.is_file() else {}
        mean, std = (said.get(key) or [0.5] * 3 for key in ("image_mean", "image_std"))
        pixels = (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        pixels = x if said.get("do_normalize") is False else pixels
        return close(mine(x), other.model(pixel_values=pixels).logits)
    rows = 1 if other.model.config.pad_token_id is None else 2
    text = mine.signature.inputs[0 if mine.signature.task.asks else -1]
    tokens = torch.randint(2, int(text.bounds[1]) + 1, (rows, 9))
    end = other.model.config.eos_token_id
    if other.model.config.is_encoder_decoder and port.kind == "text":
        tokens[tokens == end] = 4
        tokens[:, -1] = end  # a text has one
    if mine.signature.task.asks:
        sides = mine.signature.inputs[1:]
        segments = ((torch.arange(9) > 4).long() * int(sides[0].bounds[1])) if sides else None
        more = {} if segments is None else {"token_type_ids": segments.expand_as(tokens)}
        found = other.model(tokens, **more)
        return close(mine(tokens, *more.values()), torch.stack([found[0], found[1]], -1))
    if port.kind == "audio":
        sound = torch.randn(1, 1, 320 * other.model.config.max_source_positions) / 4
        features = mine.model.features(sound)
        found = other.model(input_features=features, decoder_input_ids=tokens[:1], use_cache=False)
        return close(mine(sound, tokens[:1]), found.logits)
    if len(mine.signature.inputs) == 2:
        found = other.model(input_ids=tokens, decoder_input_ids=tokens[:, :5])
        return close(mine(tokens, tokens[:, :5]), found.logits)
    found = other.model(tokens)
    return close(mine(tokens), found.logits if "logits" in found else found[0])


def close(one, other):
    """To single precision."""
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def same_answers(mine, other, folder):
    """What `predict` says is what transformers' pipeline says."""
    task = mine.signature.task.name
    if task in ("classify", "multi-label", "regress") and mine.signature.input.kind == "image":
        return same_pictures(mine, other, folder)
    if task == "embed" and other.tokenizer is not None:
        return same_features(mine, other)
    if task not in ("classify", "multi-label", "regress", "tag", "masked-token"):
        return same_text(mine, other)
    kinds = {"tag": "token-classification", "masked-token": "fill-mask"}
    more = (
        {"ignore_labels": []} if task == "tag" else {"top_k": 5 if task == "masked-token" else None}
    )
    kind = kinds.get(task, "text-classification")
    pipe = transformers.pipeline(kind, model=other.model, tokenizer=other.tokenizer, **more)
    texts = ["the [MASK] sat"] if task == "masked-token" else TEXTS
    for answer, expected in zip(predict(mine, texts, top=5), map(pipe, texts), strict=True):
        expected = expected[0] if isinstance(expected[0], list) else expected
        if task == "tag":
            assert list(answer["labels"]) == [one["entity"] for one in expected]
            continue
        name = "token_str" if task == "masked-token" else "label"
        pairs = {one[name]: one["score"] for one in expected}
        same_scores(answer, pairs)
    return None


def same_features(mine, other):
    """A row for each token, and none for padding."""
    pipe = transformers.pipeline("feature-extraction", model=other.model, tokenizer=other.tokenizer)
    answers = predict(mine, TEXTS)
    for answer, text in zip(answers, TEXTS, strict=True):
        close(torch.tensor(answer["vector"]), torch.tensor(pipe(text)[0]))
    assert answers[0]["similarity"] == pytest.approx(1)


def same_scores(answer, pairs):
    """Our answer to an example has these scores."""
    if "probabilities" not in answer:
        found = answer["values"] if "values" in answer else [answer["value"]]
        assert sorted(pairs.values()) == [pytest.approx(one, abs=1e-4) for one in sorted(found)]
        return
    assert answer["probabilities"].keys() == pairs.keys()
    for label, score in pairs.items():
        assert answer["probabilities"][label] == pytest.approx(score, abs=1e-4)


def same_pictures(mine, other, folder):
    """Of a picture of the right size; of another, theirs are squeezed."""
    file = folder / "picture.png"
    size = mine.signature.input.dims[1]
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    processor = transformers.ViTImageProcessor.from_pretrained(folder)
    pipe = transformers.pipeline(
        "image-classification", model=other.model, image_processor=processor
    )
    expected = pipe(str(file), top_k=5)
    same_scores(predict(mine, [file], top=5)[0], {one["label"]: one["score"] for one in expected})


def same_text(mine, other):
    """Greedily they write the same; a sound is left to the tests of whisper."""
    task = mine.signature.task.name
    if task not in ("next-token", "translate"):
        return
    inputs = other.tokenizer(TEXTS[0], return_tensors="pt")
    room = {"max_new_tokens": 8, "do_sample": False, "num_beams": 1}
    numbers = other.model.generate(inputs["input_ids"], **room)[0].tolist()
    numbers = numbers[inputs["input_ids"].shape[1] if task == "next-token" else 1 :]
    [found] = generate(mine, [TEXTS[0]], length=8, plain=True)
    assert list(found.tokens) == numbers


def both(folder):
    """Ours and theirs of a folder are the same, in numbers and in words; ours."""
    mine, other = hf(folder), theirs(folder)
    same_logits(mine, other, folder)
    same_answers(mine, other, folder)
    return mine
