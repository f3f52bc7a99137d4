import pytest
import torch

from cartograd.architectures.transformer.cache import Cache, CachedDecoder
from cartograd.core.build import build
from cartograd.core.errors import UsageError


def filled(rows=3, length=4, **args):
    cache = Cache(2, rows, 2, 8, 5, **args)
    k = torch.randn(rows, 2, length, 5, dtype=args.get("dtype", torch.float32))
    for layer in cache.layers:
        layer.append(k, -k)
    return cache, k


def test_keeps_what_it_is_given_in_place():
    cache, first = filled()
    memory = cache[0].keys.data_ptr()
    second = torch.randn(3, 2, 2, 5)
    k, v = cache[0].append(second, second + 1)
    assert torch.equal(k, torch.cat([first, second], 2))
    assert torch.equal(v, torch.cat([-first, second + 1], 2))
    assert cache.length == 6
    assert k.data_ptr() == memory
    assert cache[1].length == 4


def test_holds_its_capacity_and_no_more():
    cache, k = filled()
    cache[0].append(k, k)
    with pytest.raises(UsageError, match="9 tokens do not fit into a memory of 8"):
        cache[0].append(k[:, :, :1], k[:, :, :1])


def test_rewinds():
    cache, k = filled()
    cache.rewind(1)
    kept, _ = cache[0].append(k[:, :, 3:], k[:, :, 3:])
    assert torch.equal(kept, k[:, :, [0, 3]])
    assert cache[1].length == 1
    for length in (-1, 3):
        with pytest.raises(UsageError, match="cannot go back"):
            cache.rewind(length)


@pytest.mark.parametrize("rows", [[2, 0, 1], [1], [0, 0, 2, 1, 1], [0, 1, 2], [0, 1]])
def test_reorders(rows):
    cache, k = filled(starts=torch.tensor([0, 2, 1]))
    order = torch.tensor(rows)
    cache.reorder(order)
    new = torch.randn(len(rows), 2, 1, 5)
    for layer in cache.layers:
        keys, values = layer.append(new, new)
        assert torch.equal(keys, torch.cat([k[order], new], 2))
        assert torch.equal(values, torch.cat([-k[order], new], 2))
    assert cache.starts.tolist() == [[0, 2, 1][row] for row in rows]
    assert cache.positions(1).flatten().tolist() == [5 - [0, 2, 1][row] for row in rows]


def test_the_same_order_copies_nothing():
    cache, _ = filled()
    memory = cache[0].keys
    cache.reorder(torch.arange(3))
    assert cache[0].keys is memory


def test_positions_and_mask_without_padding():
    cache = Cache(1, 2, 1, 8, 1, starts=torch.zeros(2, dtype=torch.int64))
    assert cache.positions(3).tolist() == [0, 1, 2]
    assert cache.mask(3) is None
    cache[0].append(torch.zeros(2, 1, 2, 1), torch.zeros(2, 1, 2, 1))
    assert cache.positions(2).tolist() == [2, 3]


def test_padding_is_seen_by_nobody():
    cache = Cache(1, 2, 1, 8, 1, starts=torch.tensor([0, 2]))
    assert cache.positions(3).tolist() == [[0, 1, 2], [0, 0, 0]]
    assert cache.mask(3)[:, 0, 0].tolist() == [[True] * 3, [False, False, True]]
    cache[0].append(torch.zeros(2, 1, 3, 1), torch.zeros(2, 1, 3, 1))
    assert cache.positions(1).tolist() == [[3], [1]]
    assert cache.mask(1)[:, 0, 0].tolist() == [[True] * 4, [False, False, True, True]]


def test_a_decoder_hands_on():
    def forward(tokens, cache, last):
        k = tokens[:, None, :, None].float()
        keys, _ = cache[0].append(k, k)
        return keys[:, 0, -1:] if last else keys[:, 0]

    decoder = CachedDecoder(forward, Cache(1, 2, 1, 8, 1))
    tokens = torch.tensor([[1, 2], [3, 4]])
    assert decoder.read(tokens).flatten().tolist() == [1, 2, 3, 4]
    assert decoder.read(tokens, last=True).flatten().tolist() == [2, 4]
    decoder.reorder(torch.tensor([1]))
    decoder.rewind(1)
    assert decoder.length == 1
    assert decoder.read(tokens[:1]).flatten().tolist() == [3, 1, 2]


def rounded(rows=2, heads=3, width=8, capacity=9, dtype=torch.float32, **args):
    cache = Cache(2, rows, heads, capacity, width, dtype, **args)
    cache.in_int8()
    return cache


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_in_int8_a_number_is_off_by_half_a_step_of_its_head_and_token(dtype):
    cache = rounded(dtype=dtype)
    sizes = torch.logspace(-4, 4, 2 * 3 * 5).view(2, 3, 5, 1)
    k, v = (torch.randn(2, 3, 5, 8) * sizes for _ in range(2))
    k[0, 1, 2] = 0
    k, v = k.to(dtype), v.to(dtype)
    for given, found in zip((k, v), cache[0].append(k, v), strict=True):
        assert (found.shape, found.dtype) == (given.shape, dtype)
        step = given.float().abs().amax(3, keepdim=True) / 127
        spare = 1.0001 + 127 * torch.finfo(dtype).eps  # what is given back is rounded, too
        assert ((found - given).float().abs() <= spare * step / 2).all()
    assert not cache[0].append(k[:, :, :1] * 0, v[:, :, :1])[0][:, :, -1].any()


def test_in_int8_it_takes_little_more_than_a_quarter():
    whole = Cache(2, 1, 3, 100, 64)
    small = rounded(1, 3, 64, 100)
    assert whole.size == 2 * 6 * 100 * 64 * 4
    assert small.size == 2 * 6 * 100 * (64 + 4)


def test_in_int8_what_was_read_stays_as_it_was():
    """One token at a time, in another order and after going back it is the same."""
    k, v = torch.randn(2, 2, 3, 6, 8).unbind()
    at_once, pieces = rounded(), rounded()
    whole = at_once[0].append(k, v)
    for place in range(6):
        found = pieces[0].append(k[:, :, place : place + 1], v[:, :, place : place + 1])
        assert torch.equal(found[0], whole[0][:, :, : place + 1])
    assert torch.equal(found[1], whole[1])
    pieces[1].append(k, v)
    pieces.rewind(2)
    pieces.reorder(torch.tensor([1, 1, 0]))
    assert (pieces.length, pieces[1].length) == (2, 2)
    new = 1e3 * torch.randn(3, 3, 1, 8)
    found = pieces[0].append(new, new)[0]
    assert torch.equal(found[:, :, :2], whole[0][[1, 1, 0], :, :2])
    pieces[0].append(*[torch.zeros(3, 3, 6, 8)] * 2)
    with pytest.raises(UsageError, match="10 tokens do not fit into a memory of 9"):
        pieces[0].append(new, new)


@pytest.mark.parametrize("name", ["gpt", "llama"])
@torch.no_grad()
def test_in_int8_a_model_answers_nearly_the_same(name):
    torch.manual_seed(0)
    sizes = {"vocabulary": 11, "dim": 32, "depth": 2, "heads": 4, "context": 32}
    model = build(name, kind="model", **sizes).eval()
    for weight in model.parameters():
        weight.mul_(4)
    tokens, answers = torch.randint(11, (2, 20)), []
    for pieces in ([20], [8, *[1] * 12]):
        decoder = model.decoder(2, 20, starts=torch.tensor([0, 3]))
        decoder.in_int8()
        answers.append(torch.cat([decoder.read(one) for one in tokens.split(pieces, 1)], 1))
    expected = model.decoder(2, 20, starts=torch.tensor([0, 3])).read(tokens)
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-3, atol=1e-3)
    off = (answers[0] - expected)[:, 3:].norm() / expected[:, 3:].norm()
    assert 0 < off < 0.02
