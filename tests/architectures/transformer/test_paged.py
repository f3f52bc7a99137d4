import random

import pytest
import torch

from cartograd.architectures.decoding.beam import beam_search
from cartograd.architectures.decoding.generate import generate, left_padded
from cartograd.architectures.decoding.streaming import streaming
from cartograd.architectures.transformer.cache import Cache
from cartograd.architectures.transformer.page_pool import PAGE, Pages
from cartograd.architectures.transformer.paged import PagedRows
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.compression.fast_weights import inference_form

CAPACITY = 6 * PAGE


def both_kinds(starts, in_int8=False, layers=2):
    """A cache in one piece and one in pages, of the same rows."""
    made = []
    for paged in (False, True):
        told = torch.tensor(starts)
        cache = Cache(layers, len(starts), 2, CAPACITY, 4, starts=told)
        if paged:
            cache.in_pages(in_int8=in_int8)
        elif in_int8:
            cache.in_int8()
        made.append(cache)
    return made


def read_both(plain, paged, new):
    """The same tokens into both; what both give back is the same but for padding."""
    seen = plain.mask(new)
    assert plain.positions(new).tolist() == paged.positions(new).tolist()
    for number in range(len(plain.layers)):
        k, v = torch.randn(2, plain.rows, 2, new, 4).unbind()
        found = [cache[number].append(k, v) for cache in (plain, paged)]
        for own, other in zip(*found, strict=True):
            assert own.shape == other.shape
            assert other.isfinite().all()
            there = torch.ones(own.shape[:3], dtype=torch.bool)
            there = there if seen is None else (there & seen[:, :, 0])
            assert torch.equal(own[there], other[there])


@pytest.mark.place("llm/long-context")
@pytest.mark.parametrize("in_int8", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_it_holds_what_a_plain_cache_holds(seed, in_int8):
    torch.manual_seed(seed)
    draw = random.Random(seed)
    starts = [draw.choice([0, 3, PAGE, 2 * PAGE + 1]) for _ in range(3)]
    starts[draw.randrange(3)] = 0
    plain, paged = both_kinds(starts, in_int8)
    read_both(plain, paged, 2 * PAGE + 5)
    for _ in range(30):
        done = draw.choice(["read", "read", "fork", "fork", "rewind"])
        room = CAPACITY - plain.length
        if done == "read" and room:
            read_both(plain, paged, draw.randint(1, min(room, PAGE + 2)))
        elif done == "fork":
            rows = torch.tensor([draw.randrange(plain.rows) for _ in range(draw.randint(1, 4))])
            plain.reorder(rows)
            paged.reorder(rows)
        elif done == "rewind":
            length = draw.randint(plain.length // 2, plain.length)
            plain.rewind(length)
            paged.rewind(length)
        held = {page for table in paged.paged.tables for page in table}
        assert paged.paged.pages.used == len(held)


def test_rows_that_begin_alike_share_their_pages_until_one_writes():
    _, paged = both_kinds([0])
    k = torch.randn(1, 2, 2 * PAGE + 3, 4)
    for layer in paged.layers:
        layer.append(k, -k)
    pages = paged.paged.pages
    assert pages.used == 3
    paged.reorder(torch.zeros(5, dtype=torch.long))
    assert pages.used == 3
    new = torch.randn(5, 2, 1, 4)
    for layer in paged.layers:
        keys, values = layer.append(new, new)
        expected = torch.cat([k.expand(5, -1, -1, -1), new], 2)
        assert torch.equal(keys, expected)
        assert torch.equal(values[:, :, -1:], new)
    assert pages.used == 2 + 5  # two whole pages for all, and the last one each
    paged.reorder(torch.tensor([4]))
    assert pages.used == 3


def test_freed_pages_are_used_again():
    pages = Pages(1, 2, 4, torch.float32, "cpu", in_int8=False)
    rows = PagedRows(pages, [0] * 4, capacity=CAPACITY)
    rows.layers[0].joint(torch.zeros(4, 2, 2 * PAGE, 4))
    size = pages.size
    for _ in range(3):
        rows.close()
        assert pages.used == 0
        rows = PagedRows(pages, [0] * 2, capacity=CAPACITY)
        new = torch.randn(2, 2, 4 * PAGE, 4)
        assert torch.equal(rows.layers[0].joint(new), new)
        assert (pages.used, pages.size) == (8, size)


def test_a_row_alone_is_read_where_it_lies():
    _, paged = both_kinds([0], layers=1)
    new = torch.randn(1, 2, PAGE + 1, 4)
    paged[0].append(new, new)
    keys, _ = paged[0].append(new[:, :, :1], new[:, :, :1])
    kept = paged.paged.pages.kept[0]
    assert keys.untyped_storage().data_ptr() == kept.untyped_storage().data_ptr()


def test_memory_is_that_of_the_tokens_there_are():
    starts = [0, 60, 75, 79]
    sizes = {}
    for name, cache in zip(("plain", "paged"), both_kinds(starts, layers=1), strict=True):
        new = torch.randn(4, 2, 80, 4)
        cache[0].append(new, new)
        sizes[name] = cache.size
    token = 2 * 2 * 4 * 4
    used = (5 + 2 + 1 + 1) * PAGE * token
    assert sizes["plain"] == 4 * CAPACITY * token
    assert used < sizes["paged"] <= used * 1.25 + PAGE * token
    small = both_kinds(starts, in_int8=True, layers=1)[1]
    small[0].append(new, new)
    assert small.size == sizes["paged"] * (4 + 4) // (4 * 4)


def test_there_is_room_for_as_many_tokens_as_asked_for():
    for cache in both_kinds([0, 2]):
        new = torch.zeros(2, 2, CAPACITY, 4)
        cache[0].append(new, new)
        with pytest.raises(UsageError, match=f"{CAPACITY + 1} tokens do not fit into a memory of"):
            cache[0].append(new[:, :, :1], new[:, :, :1])
        assert cache.length == CAPACITY


def models():
    torch.manual_seed(0)
    tiny = {"vocabulary": 13, "dim": 16, "depth": 2, "heads": 4, "context": 128}
    more = {"kv_heads": 2, "ffn_dim": 24}
    made = {
        "gpt": build("gpt", kind="model", **tiny),
        "llama": build("llama", kind="model", **tiny, **more),
        "decoder": build(
            "decoder", kind="model", **tiny, **more, reach="wf", window=20, head_dim=6,
            qk_norm="head", scaling="longrope:" + LONG,
        ),
    }  # fmt: skip
    for model in made.values():
        model.eval()
        for weight in model.parameters():
            weight.data.mul_(4)
    made["quick"] = inference_form(made["llama"])
    made["quick decoder"] = inference_form(made["decoder"])
    return made


LONG = "factor=2,context=60,short=[1,1,1],long=[2,3,4]"


def begun(model, prompts, cache, length=24):
    prompt, starts = left_padded(prompts)
    given = {"starts": starts} if starts.any() else {}
    decoder = model.decoder(len(prompts), prompt.shape[1] + length, **given)
    if cache == "int8":
        decoder.in_int8()
    elif "paged" in cache:
        decoder.in_pages(in_int8="int8" in cache)
    return decoder, prompt, given.get("starts")


@pytest.mark.place("llm/long-context")
@pytest.mark.parametrize("kind", ["", "int8"])
@pytest.mark.parametrize("name", ["gpt", "llama", "decoder", "quick", "quick decoder"])
@torch.no_grad()
def test_a_model_writes_the_same(name, kind):
    model = models()[name]
    draw = random.Random(1)
    for lengths in ([50, 3, 17], [PAGE]):
        prompts = [[draw.randrange(13) for _ in range(length)] for length in lengths]
        texts, logits = [], []
        for cache in (kind, f"paged,{kind}"):
            decoder, prompt, starts = begun(model, prompts, cache)
            logits.append(decoder.read(prompt, last=True))
            decoder, prompt, starts = begun(model, prompts, cache)
            texts.append(generate(decoder, prompt, starts, length=24, stop=[5], prefill_chunk=7))
        torch.testing.assert_close(*logits, rtol=1e-5, atol=1e-5)
        assert texts[0] == texts[1]


@pytest.mark.parametrize("name", ["gpt", "quick"])
@torch.no_grad()
def test_a_beam_search_finds_the_same(name):
    model = models()[name]
    found = []
    for cache in ("", "paged"):
        decoder, prompt, _ = begun(model, [[1, 2, 3] * 7], cache)
        found.append(beam_search(decoder, prompt, length=20, beams=4, stop=[5]))
    for own, other in zip(*[rows[0] for rows in found], strict=True):
        assert own.tokens == other.tokens
        assert own.score == pytest.approx(other.score, abs=1e-5)


def test_an_endless_text_needs_no_pages():
    decoder = models()["llama"].decoder(1, 64)
    decoder.in_pages()
    with pytest.raises(UsageError, match="bounded memory already"):
        streaming(decoder, window=20)
