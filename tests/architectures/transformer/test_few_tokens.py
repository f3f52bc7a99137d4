import pytest
import torch

from cartograd.architectures.decoding.generate import generate, left_padded
from cartograd.architectures.transformer import few_tokens, few_tokens_call, few_tokens_proof
from cartograd.architectures.transformer.cache import Cache
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.engine.device.c_library import SWITCH, c_library
from cartograd.practice.compression import few_rows
from cartograd.practice.compression.fast_weights import MAKERS
from tests.architectures.transformer import test_decoder_form as families

CACHES = c_library, few_tokens_proof.exact, few_tokens_call.library


def cleared():
    for cached in CACHES:
        cached.cache_clear()


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """The calls, where there is a compiler; whether there is one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARTOGRAD_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv(SWITCH)
        cleared()
        yield c_library(few_tokens_call.SOURCE).library is not None
    cleared()


@pytest.fixture(params=[64, 128, 16])
def model(request):
    torch.manual_seed(0)
    width = request.param
    return LLaMA(
        vocabulary=60, dim=4 * width, depth=2, heads=4, kv_heads=2, ffn_dim=96, context=64,
        biases="qkv",
    ).eval()  # fmt: skip


def test_they_are_right_where_there_is_a_compiler(there):
    assert few_tokens_proof.exact() == there
    assert few_tokens_proof.choice().chosen == ("C" if there else "torch's calls")


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


def decoder_of(form, product="rows"):
    full = families.model(**families.FORMS[form])
    return full, full.inference_form(MAKERS[product])


@torch.no_grad()
@pytest.mark.parametrize("form", families.FORMS)
def test_each_family_is_the_model(there, form):
    """Of one row and of several, after a prompt and from the first token on; the cache is its."""
    full, quick = decoder_of(form)
    assert quick.compiled == there
    for rows, pieces in ((1, [1] * 12), (3, [5, 1, 1, 4, 1])):
        tokens = torch.randint(37, (rows, 12))
        plain, decoder = full.decoder(rows, 12), quick.decoder(rows, 12)
        for piece in tokens.split(pieces, 1):
            expected = plain.read(piece)
            off = (decoder.read(piece) - expected).abs().max()
            assert off <= 1e-5 * expected.abs().max()


@torch.no_grad()
@pytest.mark.parametrize("form", families.FORMS)
def test_each_family_writes_the_same_padded_and_in_pages(there, form):
    full, quick = decoder_of(form)
    tokens, starts = left_padded([torch.randint(37, (n,)).tolist() for n in (9, 1, 4)])
    answers = []
    for one, paged in ((full, False), (quick, False), (quick, True)):
        decoder = one.decoder(3, 30, starts=starts)
        if paged:
            decoder.in_pages()
        answers.append(generate(decoder, tokens, starts, length=20, stop=(3, 4)))
    assert answers[1:] == answers[:1] * 2
    assert isinstance(there, bool)


@torch.no_grad()
@pytest.mark.parametrize("product", ["int8", "int4", "bf16"])
@pytest.mark.parametrize("form", ["gemma2", "olmo2", "gpt-oss"])
def test_rounded_weights_are_those_of_torchs_calls(there, form, product, monkeypatch):
    monkeypatch.setattr(few_rows, "exact", lambda _: False)  # products stay torch's
    _, quick = decoder_of(form, product)
    for rows in (1, 3):
        prompt = torch.randint(37, (rows, 5))
        quick.compiled = there
        found = generate(quick.decoder(rows, 12), prompt, length=7)
        quick.compiled = False
        assert found == generate(quick.decoder(rows, 12), prompt, length=7)


@torch.no_grad()
def test_experts_that_nobody_chose_are_not_read(there):
    _, quick = decoder_of("mixtral")
    read = []
    for layer in quick.layers:
        for number, expert in enumerate(layer.part.experts):
            expert.wide = lambda x, own=expert.wide, n=number: read.append((n, len(x))) or own(x)
    decoder = quick.decoder(3, 9)
    decoder.read(torch.randint(37, (3, 4)))
    read.clear()
    decoder.read(torch.randint(37, (3, 1)))
    assert sum(rows for _, rows in read) == 3 * 3 * 2  # layers, rows, experts of each
    assert max(rows for _, rows in read) <= 3
    assert isinstance(there, bool)


@torch.no_grad()
def test_what_is_no_number_chooses_experts_that_there_are(there):
    full, quick = decoder_of("mixtral")
    with torch.no_grad():
        full.embedding.weight[3] = torch.nan
    quick = full.inference_form(MAKERS["rows"])
    z = quick.decoder(2, 3).read(torch.tensor([[3], [4]]))
    assert z[0].isnan().all()
    assert not z[1].isnan().any()
    assert isinstance(there, bool)


@torch.no_grad()
def test_windows_are_the_models(there):
    torch.manual_seed(0)
    full = LLaMA(vocabulary=60, dim=32, depth=2, heads=4, ffn_dim=48, context=64, window=5).eval()
    form, prompt = full.inference_form(MAKERS["rows"]), torch.randint(60, (2, 3))
    found = generate(form.decoder(2, 40), prompt, length=30)
    assert found == generate(full.decoder(2, 40), prompt, length=30)
    assert isinstance(there, bool)


def test_wrong_calls_are_refused(there, monkeypatch):
    monkeypatch.setattr(few_tokens_proof, "right", lambda _: False)
    few_tokens_proof.exact.cache_clear()
    assert not few_tokens_proof.exact()
    assert "wrong" in few_tokens_proof.choice().reason or not there
    few_tokens_proof.exact.cache_clear()


def test_without_a_compiler_there_are_none(monkeypatch):
    monkeypatch.setenv(SWITCH, "off")
    cleared()
    assert not few_tokens_proof.exact()
    assert few_tokens_proof.choice().reason == f"{SWITCH}=off"
