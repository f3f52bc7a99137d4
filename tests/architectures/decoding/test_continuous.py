import random

import pytest
import torch

from cartograd.architectures.decoding.continuous import Request, continuous_batching
from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.transformer.page_pool import PAGE
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.compression.fast_weights import inference_form

SIZES = "vocabulary=13,dim=16,depth=2,heads=4,context=128"


def model(name="llama"):
    torch.manual_seed(0)
    kind = "llama" if name == "quick" else name
    groups = "" if kind == "gpt" else ",kv_heads=2,ffn_dim=24"
    made = build(f"{kind}:{SIZES}{groups}", kind="model").eval()
    for weight in made.parameters():
        weight.data.mul_(4)
    return inference_form(made) if name == "quick" else made


def asked(count=9, seeds=False):
    draw = random.Random(3)
    for number in range(count):
        prompt = [draw.randrange(13) for _ in range(draw.choice([1, 3, PAGE, 40]))]
        generator = torch.Generator().manual_seed(number) if seeds else None
        yield Request(prompt, draw.choice([1, 6, 30]), generator)


def written(steps):
    found, ended = {}, set()
    for step in steps:
        for new in step:
            assert new.number not in ended
            found.setdefault(new.number, []).append(new.token)
            ended |= {new.number} if new.last else set()
    assert ended == set(found)
    return [found[number] for number in sorted(found)]


@pytest.mark.law("continuous-batching")
@pytest.mark.parametrize("in_int8", [False, True])
@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("name", ["llama", "gpt", "quick"])
@torch.no_grad()
def test_each_text_is_the_one_its_prompt_gets_alone(name, drawn, in_int8):
    made, samplers, expected = model(name), (), []
    if drawn:
        samplers = [build("repetition-penalty:repetition_penalty=1.3", kind="token-sampler")]
    for one in asked(seeds=drawn):
        alone = made.decoder(1, 80)
        if in_int8:
            alone.in_int8()
        prompt = torch.tensor([one.prompt])
        expected += generate(
            alone, prompt, None, one.generator, length=one.length, samplers=samplers, stop=[5]
        )
    assert len({len(own) for own in expected}) > 2
    for batch_size, chunk in ((1, None), (4, 7)):
        decoder = made.decoder(0, 80)
        decoder.in_pages(in_int8=in_int8)
        steps = continuous_batching(
            decoder, asked(seeds=drawn), batch_size=batch_size, samplers=samplers, stop=[5],
            chunk=chunk,
        )  # fmt: skip
        assert written(steps) == expected


@pytest.mark.law("continuous-batching")
@torch.no_grad()
def test_no_more_is_kept_than_is_under_way():
    decoder = model().decoder(0, 80)
    pages, tokens = None, {}
    requests = list(asked(20))
    for step in continuous_batching(decoder, requests, batch_size=3):
        assert len(step) <= 3
        pages = decoder.cache.paged.pages
        for new in step:
            tokens[new.number] = tokens.get(new.number, len(requests[new.number].prompt) - 1) + 1
        going = [new.number for new in step if not new.last]
        assert pages.used == sum(-(-tokens[number] // PAGE) for number in going)
    assert pages.used == 0
    assert decoder.length == 0


@torch.no_grad()
def test_requests_may_come_later():
    made = model()
    first, later = Request([1, 2], 4), Request([3], 3)
    arriving = iter([None, first, None, None, later, None])
    steps = list(continuous_batching(made.decoder(0, 16), arriving))
    assert [[new.number for new in step] for step in steps] == [[], [0], [0], [0, 1], [0, 1], [1]]
    assert written(steps) == written(continuous_batching(made.decoder(0, 16), [first, later]))


@torch.no_grad()
def test_bad_input():
    made = model()
    with pytest.raises(UsageError, match="batch_size=0 is out of range"):
        continuous_batching(made.decoder(0, 16), [], batch_size=0)
    with pytest.raises(UsageError, match="chunk=0 reads nothing"):
        continuous_batching(made.decoder(0, 16), [], chunk=0)
    with pytest.raises(UsageError, match="holds texts already"):
        continuous_batching(made.decoder(1, 16), [])
    recurrent = build("recurrent-language-model:vocabulary=11,dim=8", kind="model")
    with pytest.raises(UsageError, match="takes no further text beside others"):
        continuous_batching(recurrent.decoder(0, 16), [])
    for request, message in [
        (Request([], 3), "expected at least one token of each"),
        (Request([1], 0), "expected at least one token of each"),
        (Request([1] * 14, 4), "14 tokens and 4 new ones do not fit into a memory of 16"),
    ]:
        with pytest.raises(UsageError, match=message):
            list(continuous_batching(made.decoder(0, 16), [request]))
    assert not list(continuous_batching(made.decoder(0, 16), []))
