import pytest
import torch

from cartograd.architectures.decoding.generate import generate, left_padded
from cartograd.architectures.transformer import few_tokens
from cartograd.architectures.transformer.cache import Cache
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.engine.device.c_library import SWITCH, c_library
from cartograd.practice.compression.fast_weights import MAKERS

CACHES = c_library, few_tokens.exact, few_tokens._library


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def there(folder, monkeypatch):
    """The calls, where there is a compiler; whether there is one."""
    monkeypatch.setenv("CARTOGRAD_CACHE", str(folder))
    monkeypatch.delenv(SWITCH)
    for cached in CACHES:
        cached.cache_clear()
    yield c_library(few_tokens.SOURCE).library is not None
    for cached in CACHES:
        cached.cache_clear()


@pytest.fixture(params=[64, 128, 16])
def model(request):
    torch.manual_seed(0)
    width = request.param
    return LLaMA(
        vocabulary=60, dim=4 * width, depth=2, heads=4, kv_heads=2, ffn_dim=96, context=64,
        biases="qkv",
    ).eval()  # fmt: skip


def test_they_are_right_where_there_is_a_compiler(there):
    assert few_tokens.exact() == there
    assert few_tokens.choice().chosen == ("C" if there else "torch's calls")


@torch.no_grad()
def test_each_token_of_a_row_is_the_models(there, model):
    form, tokens = model.inference_form(MAKERS["rows"]), torch.randint(60, (1, 12))
    decoder = form.decoder(1, 12)
    z = torch.cat([decoder.read(part) for part in tokens.split([3] + [1] * 9, 1)], 1)
    torch.testing.assert_close(z, model(tokens), rtol=1e-4, atol=1e-4)
    assert isinstance(there, bool)


@torch.no_grad()
def test_rows_with_padding_that_end_at_different_times(there, model):
    prompts, starts = left_padded([[5, 6, 7, 8, 9], [8], [3, 4, 5]])
    form = model.inference_form(MAKERS["rows"])
    found = generate(
        form.decoder(3, 25, starts=starts), prompts, starts, length=20, stop=range(0, 60, 7)
    )
    expected = generate(
        model.decoder(3, 25, starts=starts), prompts, starts, length=20, stop=range(0, 60, 7)
    )
    assert found == expected
    assert isinstance(there, bool)


@torch.no_grad()
def test_several_threads_give_the_same(there, model, monkeypatch):
    form, prompt = model.inference_form(MAKERS["rows"]), torch.randint(60, (4, 40))
    expected = generate(form.decoder(4, 60), prompt, length=12)
    monkeypatch.setattr(few_tokens.torch, "get_num_threads", lambda: 2)
    assert generate(form.decoder(4, 60), prompt, length=12) == expected
    assert isinstance(there, bool)


@torch.no_grad()
def test_other_keys_and_values_are_left_to_torch(there, model):
    form, prompt = model.inference_form(MAKERS["rows"]), torch.randint(60, (1, 9))
    decoder = form.decoder(1, 30)
    decoder.in_int8()
    assert not few_tokens.takes(decoder.cache)
    assert len(generate(decoder, prompt, length=15)[0]) == 15
    paged = form.decoder(1, 30)
    paged.in_pages(in_int8=True)
    assert not few_tokens.takes(paged.cache)
    assert few_tokens.takes(Cache(1, 2, 2, 8, 4))
    assert not few_tokens.takes(Cache(1, 2, 2, 8, 4, dtype=torch.float64))
    assert isinstance(there, bool)


@torch.no_grad()
def test_pages_are_read_where_they_lie(there, model):
    """Rows that share some, begin at different places, end and come back to more."""
    prompts, starts = left_padded([[5 + place % 9 for place in range(21)], [8], [3, 4, 5]])
    form = model.inference_form(MAKERS["rows"])
    said = {"length": 20, "stop": range(0, 60, 7), "count": 2}
    draws = [torch.Generator().manual_seed(seed) for seed in range(12)]
    paged = form.decoder(3, 45, starts=starts)
    paged.in_pages()
    assert few_tokens.takes(paged.cache)
    found = generate(paged, prompts, starts, draws[:6], **said)
    for one, seed in zip(draws, range(12), strict=True):
        one.manual_seed(seed)
    plain = model.decoder(3, 45, starts=starts)
    assert found == generate(plain, prompts, starts, draws[:6], **said)
    assert isinstance(there, bool)


@torch.no_grad()
def test_no_room_is_told_as_without(there, model):
    decoder = model.inference_form(MAKERS["rows"]).decoder(1, 3)
    decoder.read(torch.tensor([[1, 2, 3]]))
    with pytest.raises(ValueError, match="4 tokens do not fit"):
        decoder.read(torch.tensor([[4]]))
    assert isinstance(there, bool)


def test_wrong_calls_are_refused(there, monkeypatch):
    monkeypatch.setattr(few_tokens, "_exact", lambda *_: False)
    few_tokens.exact.cache_clear()
    assert not few_tokens.exact()
    assert "wrong" in few_tokens.choice().reason or not there


def test_without_a_compiler_there_are_none():
    assert not few_tokens.exact()
    assert few_tokens.choice().reason == f"{SWITCH}=off"
