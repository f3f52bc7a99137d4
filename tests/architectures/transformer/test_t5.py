"""T5 against transformers, its decoder against itself, and the paper's counts."""

from importlib import import_module
from itertools import takewhile

import pytest
import torch

from cartograd.architectures.decoding.beam import beam_search
from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.transformer.distances import ranged
from cartograd.architectures.transformer.t5 import T5
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.transformer.published import (
    changed,
    compared,
    ours,
    same_file,
    saved,
    states,
)
from tests.reference import Reference

transformers = Reference("transformers")

SIZES = {
    "d_model": 16, "num_heads": 2, "num_layers": 2, "d_kv": 6, "d_ff": 24, "vocab_size": 23,
}  # fmt: skip
FORMS = {
    "1.0": {"feed_forward_proj": "relu", "tie_word_embeddings": True},
    "1.1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
}


def reference(form, path):
    config = transformers.T5Config(**SIZES, **FORMS[form])
    model = transformers.T5ForConditionalGeneration(config)
    if form == "1.1":  # as its authors' files are; transformers ties what is made anew
        model.lm_head.weight = torch.nn.Parameter(torch.zeros(23, 16))
        model.config.tie_word_embeddings = False
        model.config.scale_decoder_outputs = False
    return saved(model, path)


def texts(t=7):
    source, target = torch.randint(1, 23, (3, 150)), torch.randint(1, 23, (3, t))
    source[1, 40:] = source[2, 2:] = 0
    return source, target


def exact(self, x):
    """Their norm squares in float32 whatever the type; here it does so in the type it is given."""
    return self.weight * x * (x.square().mean(-1, keepdim=True) + self.variance_epsilon).rsqrt()


@pytest.fixture
def exact_norms(monkeypatch):
    from transformers.models.t5.modeling_t5 import T5LayerNorm

    monkeypatch.setattr(T5LayerNorm, "forward", exact)


@pytest.mark.oracle("t5")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("exact_norms")
def test_equals_transformers(form, tmp_path):
    theirs = reference(form, tmp_path)
    mine, (source, target) = ours(tmp_path), texts()
    expected = theirs(
        input_ids=source, attention_mask=(source != 0).long(), decoder_input_ids=target,
        output_hidden_states=True, use_cache=False,
    )  # fmt: skip
    seen = states([*mine.model.encoder, *mine.model.decoder_blocks])
    answer = mine(source, target)
    theirs_seen = [*expected.encoder_hidden_states[1:-1], *expected.decoder_hidden_states[1:-1]]
    for one, other in zip([seen[0], seen[2]], theirs_seen, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    memory = mine.model.encode(source)
    torch.testing.assert_close(memory, expected.encoder_last_hidden_state, rtol=1e-10, atol=1e-10)
    table = "block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    pairs = [
        ("shared.weight", "model.tokens.weight"),
        (f"encoder.{table}", "model.encoder_bias.weight"),
        (f"decoder.{table}", "model.decoder_bias.weight"),
        (
            "decoder.block.1.layer.1.EncDecAttention.k.weight",
            "model.decoder_blocks.1.cross.key.weight",
        ),
    ]
    same_file(tmp_path, mine, "no prefix")
    compared(theirs, mine, answer, expected.logits, pairs)


@pytest.mark.oracle("t5")
@pytest.mark.parametrize("kind", ["T5", "MT5", "UMT5"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whole", [True, False])
def test_encoders_are_read_alone(kind, form, whole, tmp_path, monkeypatch):
    """From folders of their own, and from those with a decoder besides; padded at the left."""
    module = import_module(f"transformers.models.{kind.lower()}.modeling_{kind.lower()}")
    monkeypatch.setattr(getattr(module, f"{kind}LayerNorm"), "forward", exact)
    config = getattr(transformers, f"{kind}Config")(**SIZES | FORMS[form])
    made = f"{kind}ForConditionalGeneration" if whole else f"{kind}EncoderModel"
    theirs = saved(getattr(transformers, made)(config), tmp_path)
    changed(tmp_path, architectures=[f"{kind}EncoderModel"], is_encoder_decoder=False)
    theirs = getattr(transformers, f"{kind}EncoderModel").from_pretrained(tmp_path).double().eval()
    mine, source = ours(tmp_path), texts()[0]
    source[1] = source[1].roll(110)
    real = source != 0
    expected = theirs(source, attention_mask=real.long()).last_hidden_state
    table = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    first = ".0" if kind == "UMT5" else ""
    bias = f"model.encoder_bias{first}.weight"
    pairs = [("shared.weight", "model.tokens.weight"), (table, bias)]
    if not whole:
        same_file(tmp_path, mine, "no prefix")
    compared(theirs, mine, mine(source) * real[..., None], expected * real[..., None], pairs)


@pytest.mark.oracle("t5")
@pytest.mark.parametrize("kind", ["MT5", "UMT5"])
@pytest.mark.parametrize("tied", [True, False])
def test_of_many_languages_equal_transformers(kind, tied, tmp_path, monkeypatch):
    """Scores of mT5 are not scaled, also where the matrix is the embedding's; those of umT5 are."""
    module = import_module(f"transformers.models.{kind.lower()}.modeling_{kind.lower()}")
    monkeypatch.setattr(getattr(module, f"{kind}LayerNorm"), "forward", exact)
    config = getattr(transformers, f"{kind}Config")(**SIZES)
    model = getattr(transformers, f"{kind}ForConditionalGeneration")(config)
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(torch.zeros(23, 16))
        model.config.tie_word_embeddings = False
    theirs = saved(model, tmp_path)
    mine, (source, target) = ours(tmp_path), texts()
    source[1] = source[1].roll(110)
    expected = theirs(
        input_ids=source, attention_mask=(source != 0).long(), decoder_input_ids=target,
        use_cache=False,
    ).logits  # fmt: skip
    answer = mine(source, target)
    torch.testing.assert_close(answer, expected, rtol=1e-10, atol=1e-10)
    table = "block.1.layer.0.SelfAttention.relative_attention_bias.weight"
    pairs = [("shared.weight", "model.tokens.weight")]
    if kind == "UMT5":
        same_file(tmp_path, mine, "no prefix")
        pairs += [
            (f"{side}.{table}", f"model.{side}_bias.1.weight") for side in ("encoder", "decoder")
        ]
    if not tied:
        compared(theirs, mine, answer, expected, pairs)


@pytest.mark.oracle("t5")
@pytest.mark.parametrize("kind", ["T5", "MT5", "UMT5"])
@pytest.mark.parametrize(("beams", "penalty"), [(2, 0.5), (4, 2.0)])
@pytest.mark.parametrize(
    ("early", "ending"), [(True, "full"), (False, "likely"), ("never", "certain")]
)
def test_a_beam_search_finds_what_transformers_finds(kind, beams, penalty, early, ending, tmp_path):
    """Every beam with its score, of texts that are filled up and end at different lengths."""
    config = getattr(transformers, f"{kind}Config")(**SIZES, decoder_start_token_id=0)
    theirs = saved(getattr(transformers, f"{kind}ForConditionalGeneration")(config), tmp_path)
    mine, (source, _) = ours(tmp_path), texts()
    end = [1, 5, 9]
    found = theirs.generate(
        source, attention_mask=(source != 0).long(), num_beams=beams, max_new_tokens=8,
        num_return_sequences=beams, length_penalty=penalty, early_stopping=early,
        eos_token_id=end, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    rows = found.sequences[:, 1:].tolist()
    expected = [list(takewhile(lambda token: token not in end, row)) for row in rows]
    answers = beam_search(
        mine.model.decoder(source, 9), torch.zeros(3, 1, dtype=torch.int64), length=8,
        stop=set(end), beams=beams, length_penalty=penalty, ending=ending,
    )  # fmt: skip
    mine_found = [one for row in answers for one in row]
    assert [[one for one in own.tokens if one not in end] for own in mine_found] == expected
    scores = torch.tensor([one.score for one in mine_found])
    torch.testing.assert_close(scores, found.sequences_scores.to(scores), rtol=1e-5, atol=1e-5)


@pytest.mark.oracle("t5")
@pytest.mark.parametrize("both", [True, False])
def test_ranges_of_distance(both):
    from transformers.models.t5.modeling_t5 import T5Attention

    ahead = torch.arange(-300, 300)
    theirs = T5Attention._relative_position_bucket(ahead, bidirectional=both)
    assert torch.equal(ranged(ahead, both=both), theirs)


@pytest.mark.paper("t5")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("t5-small", 60_506_624), ("t5-base", 222_903_552), ("t5-large", 737_668_096),
        ("flan-t5-small", 76_961_152), ("mt5-small", 300_176_768),
        ("t5-base:head=hidden", 109_628_544),
    ],
)  # fmt: skip
def test_counts(name, count):
    """The paper's three; of FLAN, mT5 and the encoder by their published configurations."""
    with torch.device("meta"):
        assert sum(weight.numel() for weight in build(name).parameters()) == count


def test_umt5_has_tables_in_each_block():
    """By arithmetic: no count of umt5-small is published."""
    with torch.device("meta"):
        count = sum(weight.numel() for weight in build("umt5-small").parameters())
    vocabulary, dim, inner, wide, tables = 256_384, 512, 6 * 64, 1024, 32 * 6
    part = 4 * dim * inner + dim  # an attention and the norm before it
    both = 3 * part + 2 * (3 * dim * wide + dim) + 2 * tables  # a block of each stack
    assert count == 2 * vocabulary * dim + 8 * both + 2 * dim == 306_601_984


def tiny():
    torch.manual_seed(0)
    return T5(vocabulary=23, dim=16, heads=2, head_dim=6, ffn_dim=24, depth=2).eval()


@pytest.mark.law("t5")
def test_later_words_and_padding_change_nothing():
    model, (source, target) = tiny().double(), texts()
    before = model(source, target)
    other = target.clone()
    other[:, 4:] = 2
    assert torch.equal(model(source, other)[:, :4], before[:, :4])
    torch.testing.assert_close(model(source[2:, :2], target[2:]), before[2:], rtol=1e-9, atol=1e-10)


@pytest.mark.law("t5")
def test_a_decoder_says_what_the_whole_target_says():
    model, (source, target) = tiny(), texts(9)
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


def test_another_form_is_refused(tmp_path):
    reference("1.0", tmp_path)
    with pytest.raises(UsageError, match="num_decoder_layers=3, and the encoder has 2"):
        hf(changed(tmp_path, num_decoder_layers=3))
