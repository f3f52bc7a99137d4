"""Texts that come and go, over pages or with a decoder each."""

import pytest
import torch

from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.decoding.joined import InPages, OneEach, joined
from cartograd.architectures.decoding.underway import Request, Underway
from cartograd.core.build import build
from cartograd.core.errors import UsageError

MODELS = {
    "llama": "llama:vocabulary=13,dim=16,depth=2,heads=4,kv_heads=2,ffn_dim=24,context=128",
    "recurrent": "recurrent-language-model:vocabulary=13,dim=8",
}


def model(name):
    torch.manual_seed(0)
    made = build(MODELS[name], kind="model").eval()
    for weight in made.parameters():
        weight.data.mul_(4)
    return made


def decoder_of(made, name):
    if name == "llama":
        return InPages(made.decoder(0, 128))
    return OneEach(lambda capacity, _: made.decoder(1, capacity))


def asked(number):
    heat = [build(f"temperature:temperature={1 + number}", kind="token-sampler")]
    drawn = number % 3 != 0
    generator = torch.Generator().manual_seed(number) if drawn else None
    prompt = [(7 * number + place) % 13 for place in range(1 + 9 * number)]
    return Request(prompt, 4 + 3 * number, generator, heat if drawn else ())


@pytest.mark.law("continuous-batching")
@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_each_text_has_samplers_of_its_own_and_nobody_elses(name):
    made = model(name)
    right = {}
    for number in range(6):
        one = asked(number)
        (right[number],) = generate(
            made.decoder(1, 128), torch.tensor([one.prompt]), None, one.generator,
            length=one.length, samplers=one.samplers, stop=[5],
        )  # fmt: skip
    texts, found, ended = Underway(decoder_of(made, name), stop=[5]), {}, set()
    gone = 4
    for number in range(6):
        news = [texts.join(asked(number)), *texts.step()]
        for new in news:
            found.setdefault(new.number, []).append(new.token)
        if number == 5:
            texts.leave(gone)
            kept = len(found[gone])
    while len(texts):
        for new in texts.step():
            found[new.number].append(new.token)
            ended |= {new.number} if new.last else set()
    assert found[gone] == right[gone][:kept]
    assert 0 < kept < len(right[gone])
    assert {number: own for number, own in found.items() if number != gone} == {
        number: own for number, own in right.items() if number != gone
    }
    assert gone not in ended
    texts.leave(gone)  # it is gone already
    assert texts.step() == []
    assert texts.decoder.length == 0


@torch.no_grad()
def test_what_does_not_fit_leaves_the_others_as_they_were():
    made = model("llama")
    decoder = InPages(made.decoder(0, 24))
    texts = Underway(decoder)
    texts.join(Request([1, 2, 3], 9))
    used = decoder.paged.pages.used
    for request, why in (
        (Request([1] * 20, 9), "do not fit into a memory of 24"),
        (Request([], 9), "at least one token of each"),
        (Request([1], 9, None, (), 2), "adapter 2 is unknown"),
    ):
        with pytest.raises(UsageError, match=why):
            texts.join(request)
    with pytest.raises(IndexError):
        texts.join(Request([99], 2))  # fails in the midst of reading
    assert (len(texts), decoder.paged.pages.used) == (1, used)
    assert len(texts.step()) == 1


@pytest.mark.law("continuous-batching")
@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_texts_of_one_prompt_read_it_once_and_are_those_they_are_alone(name):
    made, prompt = model(name), [place % 13 for place in range(40)]

    def several():
        for seed, length in enumerate((9, 4, 12, 6)):
            yield Request(prompt, length, torch.Generator().manual_seed(seed))

    right = [
        generate(
            made.decoder(1, 128), torch.tensor([prompt]), None, one.generator, length=one.length
        )[0]
        for one in several()
    ]
    texts = Underway(decoder_of(made, name))
    texts.join(Request([3, 4, 5], 40))
    numbers = texts.begin(*several())
    assert (numbers, texts.numbers) == ([1, 2, 3, 4], [0, 1, 2, 3, 4])
    found = {number: [] for number in numbers}
    texts.leave(3)  # before its first token
    while len(texts) > 1:
        for new in [*texts.step(), *texts.read(7)]:
            if new.number:
                found[new.number].append(new.token)
        if name == "llama" and found[1] and len(found[1]) < 3:
            kept = texts.decoder.paged
            first, *others = kept.tables[1:]
            assert len(others) == 2
            assert all(own[:2] == first[:2] for own in others)  # 40 tokens: two pages and a half
            assert len({own[2] for own in (first, *others)}) == (1 if len(found[1]) == 1 else 3)
    assert found.pop(3) == []
    assert list(found.values()) == [right[0], right[1], right[3]]
    texts.leave(0)
    if name == "llama":
        assert texts.decoder.paged.pages.used == 0


@pytest.mark.law("continuous-batching")
@torch.no_grad()
def test_a_long_prompt_stops_nobody():
    """Others have a token between any two pieces of it, and a short prompt goes first."""
    made = model("llama")
    texts, first = Underway(InPages(made.decoder(0, 128))), {}
    texts.join(Request([1, 2], 40))
    texts.begin(Request([1 + place % 5 for place in range(60)], 3))
    texts.begin(Request([4] * 6, 3))
    for turn in range(12):
        news = texts.step()
        assert news[0].number == 0
        for new in [*news, *texts.read(8)]:
            first.setdefault(new.number, turn)
        assert texts.numbers[0] == 0
    assert first == {0: 0, 2: 1, 1: 8}
    texts.begin(Request([1] * 90, 3))
    assert list(texts.read(8)) == []
    used = texts.decoder.paged.pages.used
    texts.leave(3)  # in the midst of its prompt
    assert texts.decoder.paged.pages.used == used - 6
    for _ in range(6):  # whatever else comes, the one that began first is read
        texts.begin(Request([1] * 100, 1))
    assert [new.number for new in texts.read(150)] == [4]


@torch.no_grad()
def test_what_cannot_be_read_or_drawn_is_gone_and_the_others_stay():
    made = model("llama")
    texts = Underway(InPages(made.decoder(0, 64)))
    texts.join(Request([1, 2], 40))

    def broken(*_):
        raise ZeroDivisionError

    used = texts.decoder.paged.pages.used
    for prompt, samplers, why in (([1, 99, 2], (), IndexError), ([1], [broken], ZeroDivisionError)):
        texts.begin(Request([7, 8], 4))
        texts.begin(Request(prompt, 4, None, samplers))
        reading = texts.read()
        new = next(reading)
        with pytest.raises(why):
            next(reading)
        assert texts.numbers == [0, new.number]
        texts.leave(new.number)
        assert texts.decoder.paged.pages.used == used
    assert len(texts.step()) == 1


def test_decoders_that_take_no_texts():
    with pytest.raises(UsageError, match="takes no further text"):
        joined(model("recurrent").decoder(1, 8))
    with pytest.raises(UsageError, match="holds texts already"):
        joined(model("llama").decoder(1, 8))
    with pytest.raises(UsageError, match="each text has a decoder of its own"):
        decoder_of(None, "recurrent").rewind(2)
