"""The Transformer of 2017 against torch's, its decoder against itself, and the counts."""

import pytest
import torch
from torch import nn

from cartograd.architectures.transformer.transformer import EncoderDecoder, Transformer
from cartograd.core.build import build
from tests.architectures.transformer.support import agree, copy_attention, copy_norm, doubles

DIM, HEADS, INNER, DEPTH = 12, 3, 20, 2


def torchs(mine, order):
    theirs = nn.Transformer(
        DIM, HEADS, DEPTH, DEPTH, INNER, dropout=0.0, batch_first=True, norm_first=order == "pre",
        dtype=torch.float64,
    )  # fmt: skip
    for own, other in ((mine.encoder, theirs.encoder), (mine.decoder, theirs.decoder)):
        for block, layer in zip(own, other.layers, strict=True):
            copy_attention(block.attention, layer.self_attn)
            norms = [block.attention_norm, block.cross_norm, block.feed_forward_norm]
            if block.cross is not None:
                copy_attention(block.cross, layer.multihead_attn)
            for number, norm in enumerate((n for n in norms if n is not None), start=1):
                copy_norm(norm, layer.get_submodule(f"norm{number}"))
            layer.linear1.load_state_dict(block.feed_forward.up.state_dict())
            layer.linear2.load_state_dict(block.feed_forward.down.state_dict())
    copy_norm(mine.encoder_norm, theirs.encoder.norm)
    copy_norm(mine.decoder_norm, theirs.decoder.norm)
    return theirs


@pytest.mark.oracle("transformer")
@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
def test_equals_torchs(order):
    torch.manual_seed(0)
    mine = EncoderDecoder(
        dim=DIM, heads=HEADS, depth=DEPTH, ffn_dim=INNER, order=order, dropout=0.0
    ).double()
    for weight in mine.parameters():
        nn.init.normal_(weight, std=0.3)
    theirs = torchs(mine, order)
    source, target = doubles(2, 7, DIM), doubles(2, 5, DIM, seed=1)
    real = torch.ones(2, 7, dtype=torch.bool)
    real[0, 4:] = False
    later = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    one = mine(source, target, mask=real[:, None, None])
    other = theirs(
        source, target, tgt_mask=later, src_key_padding_mask=~real, memory_key_padding_mask=~real
    )
    agree(one, other, (source, target), mine, theirs)


@pytest.mark.paper("transformer")
@pytest.mark.parametrize(
    ("name", "count"), [("transformer-base", 63_082_496), ("transformer-big", 214_245_376)]
)
def test_counts(name, count):
    with torch.device("meta"):
        assert sum(weight.numel() for weight in build(name).parameters()) == count


@pytest.mark.paper("transformer")
@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
def test_count_of_torchs_form():
    with torch.device("meta"):
        mine, theirs = EncoderDecoder(), nn.Transformer()
    for model in (mine, theirs):
        assert sum(weight.numel() for weight in model.parameters()) == 44_140_544


def tiny(**options):
    torch.manual_seed(0)
    sizes = {"vocabulary": 23, "padding_id": 0, "dim": 16, "heads": 2, "ffn_dim": 24, "depth": 2}
    return Transformer(**sizes | options).eval()


def texts():
    source, target = torch.randint(1, 23, (3, 8)), torch.randint(1, 23, (3, 9))
    source[1, 5:] = source[2, 2:] = 0
    return source, target


@pytest.mark.law("transformer")
@pytest.mark.parametrize("order", ["post", "pre"])
def test_later_words_and_padding_change_nothing(order):
    model, (source, target) = tiny(order=order).double(), texts()
    before = model(source, target)
    other = target.clone()
    other[:, 4:] = 2
    assert torch.equal(model(source, other)[:, :4], before[:, :4])
    torch.testing.assert_close(model(source[2:, :2], target[2:]), before[2:], rtol=1e-9, atol=1e-10)


@pytest.mark.law("transformer")
@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("padding_id", [0, None])
def test_a_decoder_says_what_the_whole_target_says(order, padding_id):
    model, (source, target) = tiny(order=order, padding_id=padding_id), texts()
    whole = model(source, target)
    decoder = model.decoder(source, 9)
    pieces = [decoder.read(part) for part in target.split([1, 3, 1, 4], 1)]
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-6, atol=1e-6)
    decoder.rewind(3)
    rows = torch.tensor([2, 0, 0])
    decoder.reorder(rows)
    torch.testing.assert_close(
        decoder.read(target[rows, 3:], last=True), whole[rows, -1:], rtol=1e-5, atol=1e-6
    )


@pytest.mark.law("transformer")
def test_the_order_of_words_matters():
    model, (source, target) = tiny(padding_id=None), texts()
    assert not torch.allclose(model(source.flip(1), target), model(source, target), atol=1e-3)
