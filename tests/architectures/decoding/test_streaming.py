import pytest
import torch
from torch.nn.functional import softmax

from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.decoding.streaming import room_for, streaming
from cartograd.architectures.transformer.decoder import Decoder
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.build import build
from cartograd.core.errors import UsageError

SMALL = "vocabulary=11,dim=8,depth=3,heads=2,kv_heads=1,ffn_dim=12,context=64"
MODELS = {
    "llama": None,  # a spec has no place for the commas of another, that of YaRN
    "windows": f"decoder:{SMALL},head_dim=6,reach=wfn,window=3,local_base=100",
    "half": f"decoder:{SMALL},head_dim=8,share=0.5",
}


def model(name="llama"):
    torch.manual_seed(0)
    if name == "llama":
        made = LLaMA(
            vocabulary=11, dim=8, depth=2, heads=2, kv_heads=1, ffn_dim=12, context=64,
            scaling="yarn:factor=2,context=8",
        )  # fmt: skip
    else:
        made = build(MODELS[name])
    for weight in made.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.5)
    return made.eval()


def text(n=40, rows=1):
    return torch.randint(11, (rows, n), generator=torch.Generator().manual_seed(1))


def stream(made, sinks, window, rows=1):
    room = room_for(sinks, window, 64)
    return streaming(made.decoder(rows, room), sinks=sinks, window=window)


class Anew:
    """Attention of all tokens at once, by scores written out, under the mask of a stream."""

    def __init__(self, rotary, sinks, window, reach):
        self.rotary, self.sinks, self.window, self.reach = rotary, sinks, window, reach

    def __call__(self, q, k, v):
        t, kept = q.shape[2], self.sinks + self.window
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
        y = torch.zeros_like(q)
        for i in range(t):
            first = max(self.sinks, i + 1 - self.window)
            seen = [*range(min(self.sinks, i + 1)), *range(first, i + 1)]
            own = torch.arange(len(seen))
            assert len(seen) == min(i + 1, kept)
            turn, last = self.turn(own), self.turn(own[-1:])
            scores = last(q[:, :, i : i + 1]) @ turn(k[:, :, seen]).transpose(2, 3)
            far = own < len(seen) - self.reach if self.reach else own < 0
            scores = (scores * q.shape[3] ** -0.5).masked_fill(far, -torch.inf)
            y[:, :, i] = (softmax(scores, -1) @ v[:, :, seen])[:, :, 0]
        return y

    def turn(self, places):
        return (lambda x: x) if self.rotary is None else self.rotary.turn(places)


def anew(made, tokens, sinks, window):
    """Logits of a whole text, each block by hand, unlike the library's attention and cache."""
    x = made.embedding(tokens)
    letters = getattr(made, "reach", "f" * len(made.blocks))
    for block, letter in zip(made.blocks, letters, strict=True):
        local = getattr(made, "local_rotary", None) or made.rotary
        rotary = {"f": made.rotary, "w": local}.get(letter)
        own, h = block.attention, block.attention_norm(x)
        q, k, v = (
            part(h).unflatten(2, (-1, own.width)).transpose(1, 2)
            for part in (own.query, own.key, own.value)
        )
        y = Anew(rotary, sinks, window, made.window if letter in "wm" else None)(q, k, v)
        x = x + own.out(y.transpose(1, 2).flatten(2))
        x = x + block.feed_forward(block.feed_forward_norm(x))
    return made.logits(made.norm(x))


@pytest.mark.law("streaming")
@pytest.mark.parametrize("sinks", [0, 3])
@pytest.mark.parametrize("name", MODELS)
def test_equals_the_whole_computed_anew(name, sinks):
    made, tokens = model(name).double(), text()
    found = stream(made, sinks, 9).read(tokens)
    with torch.no_grad():
        expected = anew(made, tokens, sinks, 9)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)  # angles are float32
    assert (found[:, -1] - made(tokens)[:, -1]).abs().max() > 1e-2  # more than the model alone


@pytest.mark.law("streaming")
def test_memory_is_bounded_and_pieces_do_not_matter():
    made, tokens = model(), text(100)
    whole, pieces = stream(made, 2, 8), stream(made, 2, 8)
    expected, size = whole.read(tokens), pieces.size
    found = [pieces.read(piece) for piece in tokens.split([3, 20, 1, 40, 36], 1)]
    torch.testing.assert_close(torch.cat(found, 1), expected)
    layers, heads, features, number = 2, 2, 4, 4  # keys and values have a head each
    assert size == pieces.size == layers * heads * features * number * (2 + 8 + 4)
    assert pieces.length == 100
    assert pieces.cache.length == 10
    last = stream(made, 2, 8).read(tokens, last=True)
    torch.testing.assert_close(last, expected[:, -1:])


@pytest.mark.law("streaming")
def test_a_text_that_fits_is_read_as_ever():
    made, tokens = model(), text(10)
    torch.testing.assert_close(stream(made, 2, 8).read(tokens), made(tokens))


def test_the_form_for_writing_and_eight_bits():
    made, tokens = model(), text()
    expected = stream(made, 2, 8).read(tokens)
    form = made.inference_form(lambda weight, bias: lambda x: torch.nn.functional.linear(x, weight))
    torch.testing.assert_close(stream(form, 2, 8).read(tokens), expected, rtol=0, atol=2e-5)
    inner = made.decoder(1, room_for(2, 8, 64))
    inner.in_int8()
    rounded = streaming(inner, sinks=2, window=8)
    assert rounded.size < stream(made, 2, 8).size
    assert (rounded.read(tokens) - expected).abs().mean() < 0.02 * expected.std()


def test_rows_are_reordered_while_streaming():
    made, tokens = model(), text(40, rows=3)
    for before in (5, 23):  # before and after tokens were let go
        going = stream(made, 2, 8, rows=3)
        going.read(tokens[:, :before])
        going.reorder(torch.tensor([2, 0]))
        found = going.read(tokens[[2, 0], before:])
        expected = stream(made, 2, 8, rows=2).read(tokens[[2, 0]])[:, before:]
        torch.testing.assert_close(found, expected)


def test_goes_back_until_a_token_was_let_go():
    made, tokens = model(), text(12)
    going = stream(made, 2, 8)
    first = going.read(tokens[:, :10])
    going.rewind(4)
    torch.testing.assert_close(going.read(tokens[:, 4:10]), first[:, 4:])
    going.read(tokens[:, 10:])
    with pytest.raises(UsageError, match="cannot go back to 4 tokens: 2 of 12 were let go"):
        going.rewind(4)


def test_writes_on_beyond_the_context():
    made = model()
    going = stream(made, 2, 30)
    assert len(generate(going, text(5), length=70)[0]) == 70
    with pytest.raises(UsageError, match="more than this model's context"):
        made.decoder(1, 75)


def test_refused():
    made = model()
    with pytest.raises(UsageError, match="expected at least 0 and at least 1"):
        room_for(2, 0, None)
    with pytest.raises(UsageError, match=r"keep 64 tokens and the model's context is 64; .*=32"):
        room_for(4, 60, 64)
    with pytest.raises(UsageError, match="expected at least 11"):
        streaming(made.decoder(1, 10), sinks=2, window=8)
    with pytest.raises(UsageError, match="stream each row alone"):
        streaming(made.decoder(2, 20, starts=torch.tensor([0, 1])), sinks=2, window=8)
    learned = build("gpt:vocabulary=11,dim=8,depth=1,heads=2,context=32")
    dynamic = Decoder(dim=8, depth=1, heads=2, ffn_dim=12, scaling="dynamic:factor=2,context=8")
    for other in (learned, dynamic):
        with pytest.raises(UsageError, match="positions cannot be moved"):
            streaming(other.decoder(1, 20), sinks=2, window=8)
