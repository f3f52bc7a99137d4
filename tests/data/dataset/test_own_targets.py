import pytest
import torch

from cartograd.apps.load.answering import as_answered, as_the_model_answers
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.own_targets import noise, own_targets


def pictures(values, labels=("no", "yes")):
    """A dataset of pictures of these numbers, of two classes in turn."""
    image = Port("image", "image", (1, 2, 2), "float32", (0.0, 1.0), (0.4,), (0.2,))
    signature = Signature((image,), (Port("kind", "label", (2,), labels=labels),))
    parts = (Split(values, torch.arange(len(values)) % 2, signature) for _ in range(3))
    return Dataset("toy", *parts, signature)


GREY = torch.linspace(0, 255, 40).reshape(10, 1, 2, 2).round().to(torch.uint8)


def rows(part, **more):
    batches = part.batches(shuffle=False, **more)
    return [torch.cat(one) for one in zip(*batches.epoch(0, seed=0), strict=True)]


def test_a_density_is_of_the_example_in_its_levels():
    five = (torch.arange(40).reshape(10, 1, 2, 2) % 5).float() / 4
    data = own_targets(pictures(five), "density")
    assert data.signature.input.levels == 5
    assert not data.signature.input.mean
    assert data.signature.condition is None
    x, target = rows(data.train, batch_size=3)
    assert torch.equal(x, target)
    assert torch.equal(data.train.targets, x)
    assert data.decided[0] == "pictures of 5 levels: the density is a probability per level"


def test_a_model_of_steps_hears_samples_as_they_are_and_others_standardised():
    sound = Port("sound", "audio", (1, 4), "float32", (-1.0, 1.0), (0.0,), (0.1,), rate=8000)
    signature = Signature((sound,), (Port("kind", "label", (2,), labels=("no", "yes")),))
    parts = (Split(torch.rand(6, 1, 4), torch.arange(6) % 2, signature) for _ in range(3))
    data = Dataset("toy", *parts, signature)
    steps = own_targets(data, "density", steps=True)
    assert not steps.signature.input.std  # else mu-law cuts off what is loud
    assert as_the_model_answers(data, steps.signature).signature == steps.signature
    assert not as_answered(data, "wavenet", None).signature.input.std
    for model in ("jukebox:features=32", "vae"):
        heard = as_answered(data, model, None)
        assert heard.signature.input.std == (0.1,)
        assert as_the_model_answers(data, heard.signature).signature == heard.signature
    assert own_targets(data, "generate", latent=3).signature.example.std == (0.1,)


def test_a_generator_takes_noise_and_the_class():
    data = own_targets(pictures(GREY), "generate", conditional=True, latent=3)
    signature = data.signature
    assert [port.dims for port in signature.inputs] == [(3,), ()]
    assert signature.condition.labels == ("no", "yes")
    assert (signature.example.dims, signature.example.mean) == ((1, 2, 2), (0.5,))
    assert signature.sizes()["classes"] == 2
    assert signature.sizes()["features"] == 4
    assert signature.sizes()["size"] == 2
    z, y, x = rows(data.test, batch_size=4)
    assert (z.shape, y.tolist(), x.shape) == ((10, 3), [0, 1] * 5, (10, 1, 2, 2))
    assert x.max() <= 1


def test_noise_is_that_of_the_place_whatever_the_batch():
    data = own_targets(pictures(GREY), "generate")
    whole, few = (rows(data.test, batch_size=size)[0] for size in (10, 3))
    assert torch.equal(whole, few)
    assert torch.equal(data.test.select([4, 1]).inputs, whole[[4, 1]])
    later = next(iter(data.test.batches(batch_size=3, shuffle=False).epoch(0, seed=0, start=2)))
    assert torch.equal(later[0], whole[6:9])
    other = next(iter(data.test.batches(batch_size=3, shuffle=False).epoch(1, seed=0)))
    assert not torch.equal(other[0], whole[:3])


def test_noise_is_standard_normal():
    signature = own_targets(pictures(GREY), "generate").signature
    drawn = noise(signature, torch.arange(20_000))
    assert drawn.mean().item() == pytest.approx(0, abs=0.02)
    assert drawn.std().item() == pytest.approx(1, abs=0.02)
    assert torch.corrcoef(drawn.flatten(1).T).fill_diagonal_(0).abs().max() < 0.03


def test_texts_are_refused():
    text = Port("text", "text", ("t",), "int64", (0, 9), padding_id=0)
    signature = Signature((text,), (Port("kind", "label", (2,)),))
    part = Split(torch.ones(4, 3, dtype=torch.int64), torch.zeros(4).long(), signature)
    with pytest.raises(UsageError, match="inputs of kind 'text'; what examples are like"):
        own_targets(Dataset("toy", part, part, part, signature), "density")
