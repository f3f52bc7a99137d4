import pytest
import torch

from cartograd.architectures.transformer.cache import Cache, CachedDecoder
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
