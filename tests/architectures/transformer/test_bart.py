"""BART against transformers, its decoder against itself, and the published counts."""

import pytest
import torch

from cartograd.apps.verbs.generate import generate
from cartograd.architectures.decoding.beam import beam_search
from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.transformer.bart import BART
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import TEXTS, change, write
from tests.architectures.pretrained.published_folders import theirs as reference_of
from tests.architectures.transformer.published import compared, ours, same_file, saved, states
from tests.reference import Reference

transformers = Reference("transformers")

HEADS = {
    "translate": "BartForConditionalGeneration",
    "classify": "BartForSequenceClassification",
    "extract": "BartForQuestionAnswering",
    "hidden": "BartModel",
}
SIZES = {
    "vocab_size": 23, "d_model": 16, "encoder_layers": 2, "decoder_layers": 3,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24, "max_position_embeddings": 40, "num_labels": 3,
}  # fmt: skip
PADDING, END = 1, 2


def reference(head, path):
    model = getattr(transformers, HEADS[head])(
        transformers.BartConfig(**SIZES | ({"num_labels": 2} if head == "extract" else {}))
    )
    if head == "translate":
        model.final_logits_bias.copy_(torch.randn(1, 23))
    return saved(model, path)


def texts(side):
    """Sources of unequal length with one end each, padded at a side."""
    rows = torch.randint(3, 23, (3, 30))
    rows[:, -1] = END
    for row, short in zip(rows, (0, 11, 25), strict=True):
        if short:
            row[:short] = PADDING
            row.copy_(row.roll(-short) if side == "right" else row)
    return rows


@pytest.mark.oracle("bart")
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_equals_transformers(head, side, tmp_path):
    other = reference(head, tmp_path)
    mine, source = ours(tmp_path), texts(side)
    given = {"input_ids": source, "attention_mask": (source != PADDING).long()}
    target = torch.randint(3, 23, (3, 7))
    if head == "translate":
        given["decoder_input_ids"] = target
    expected = other(**given, output_hidden_states=True, use_cache=False)
    seen = states([*mine.model.encoder, *mine.model.decoder_blocks])
    answer = mine(source, target) if head == "translate" else mine(source)
    theirs_seen = [*expected.encoder_hidden_states[1:], *expected.decoder_hidden_states[1:]]
    real = (source != PADDING)[..., None]
    for number, (one, same) in enumerate(zip([*seen[:5]], theirs_seen, strict=True)):
        there = real if number < 2 else torch.ones(1)
        torch.testing.assert_close(one * there, same * there, rtol=1e-10, atol=1e-10)
    if head == "extract":
        wanted = torch.stack([expected.start_logits, expected.end_logits], -1)
    else:
        wanted = expected.last_hidden_state if head == "hidden" else expected.logits
    bare = "" if head == "hidden" else "model."
    pairs = [
        (f"{bare}shared.weight", "model.tokens.weight"),
        (f"{bare}encoder.embed_positions.weight", "model.encoder_positions.weight"),
        (f"{bare}decoder.layers.1.encoder_attn.k_proj.weight",
         "model.decoder_blocks.1.cross.key.weight"),
    ]  # fmt: skip
    same_file(tmp_path, mine, "model.")
    compared(other, mine, answer, wanted, pairs)


@pytest.mark.oracle("bart")
@pytest.mark.parametrize("side", ["left", "right"])
def test_beams_in_double_precision(side, tmp_path):
    other = reference("translate", tmp_path)
    mine, source = ours(tmp_path), texts(side)
    expected = other.generate(
        source, attention_mask=(source != PADDING).long(), num_beams=3, max_new_tokens=9,
        num_return_sequences=3, output_scores=True, return_dict_in_generate=True,
        forced_eos_token_id=None, length_penalty=1.0,
    )  # fmt: skip
    rows = beam_search(
        mine.model.decoder(source, 10), torch.full((3, 1), 2), length=9, beams=3, stop=(END,),
        ending="likely",
    )  # fmt: skip
    found = [answer for row in rows for answer in row]
    for one, numbers, score in zip(
        found, expected.sequences.tolist(), expected.sequences_scores.tolist(), strict=True
    ):
        assert numbers[1:] == one.tokens + [PADDING] * (len(numbers) - 1 - len(one.tokens))
        assert one.score == pytest.approx(score, abs=1e-6)  # theirs are in float32


@pytest.mark.oracle("bart")
@pytest.mark.parametrize("beams", [1, 4])
def test_texts_are_those_of_transformers(tmp_path, beams):
    """Several at once, which they pad at the right."""
    folder = change(write("bart", tmp_path), "generation_config.json", num_beams=beams)
    other, mine = reference_of(folder), hf(folder)
    inputs = other.tokenizer(TEXTS, return_tensors="pt", padding=True)
    inputs.pop("token_type_ids", None)
    rows = other.model.generate(**inputs, max_new_tokens=12)
    expected = other.tokenizer.batch_decode(rows, skip_special_tokens=True)
    assert [one.text.strip() for one in generate(mine, TEXTS, length=12)] == expected


@pytest.mark.paper("bart")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("bart-base", 139_420_416),
        ("bart-large", 406_291_456),
        ("bart-large:vocabulary=50264", 406_290_432),  # the summariser's, without its mask
    ],
)
def test_counts(name, count):
    """KerasHub's presets count 139,417,344 and 406,287,360: without the rows that nothing reads."""
    with torch.device("meta"):
        assert sum(weight.numel() for weight in build(name).parameters()) == count


def tiny():
    torch.manual_seed(0)
    return BART(vocabulary=23, context=40, dim=16, heads=2, ffn_dim=24, depth=2).eval()


@pytest.mark.law("bart")
def test_later_words_and_padding_change_nothing():
    model, source = tiny().double(), texts("right")
    target = torch.randint(3, 23, (3, 7))
    before = model(source, target)
    other = target.clone()
    other[:, 4:] = 3
    assert torch.equal(model(source, other)[:, :4], before[:, :4])
    torch.testing.assert_close(model(source[2:, :5], target[2:]), before[2:], rtol=1e-9, atol=1e-10)


@pytest.mark.law("bart")
def test_a_decoder_says_what_the_whole_target_says():
    model, source = tiny(), texts("right")
    target = torch.randint(3, 23, (3, 9))
    whole = model(source, target)
    decoder = model.decoder(source, 9)
    pieces = [decoder.read(part) for part in target.split([1, 3, 1, 4], 1)]
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-6, atol=1e-5)
    decoder.rewind(3)
    rows = torch.tensor([2, 0, 0])
    decoder.reorder(rows)
    torch.testing.assert_close(
        decoder.read(target[rows, 3:], last=True), whole[rows, -1:], rtol=1e-5, atol=1e-5
    )


def test_what_cannot_be_is_said():
    model, row = tiny(), torch.full((1, 41), 3)
    with pytest.raises(UsageError, match="41 tokens are more than this model's context of 40"):
        model(row, row[:, :2])
    with pytest.raises(UsageError, match="head='translate' takes a source and what is written"):
        model(row[:, :3])
    reader = BART(vocabulary=23, context=40, dim=16, heads=2, depth=1, head="hidden")
    with pytest.raises(UsageError, match="head='hidden' takes a source alone"):
        reader(row[:, :3], row[:, :3])
