"""Translators with attention and without, on real texts in two languages, by their length."""

from functools import cache

import torch

from cartograd.architectures.seq2seq.encoder_decoder import EncoderDecoder
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset
from cartograd.evidence.translators import Pairs, learn, losses

CLAIM = Claim(
    id="attention-bottleneck",
    place="attention/bahdanau",
    en="Attention removes the fixed-vector bottleneck",
    zh="注意力解决信息瓶颈",
    hypothesis="Two encoder-decoders of 64 units, one with Luong's attention, learn to translate: "
    "verses of the Bible into Spanish, and messages of programs and a game into Chinese, 1500 "
    "steps of 32 pairs of about one length each. On at most 600 pairs of the test part the loss of "
    "a token, the right ones before it given, is lower with attention; and it gains more on the "
    "longer half of the sources than on the shorter half. The one without has to read its "
    "sources: its loss rises by more than 0.05 nats when they are those of other pairs.",
    rule=(
        "mean gain, Spanish > 0",
        "mean gain, Chinese > 0",
        "mean gain, longer - shorter, Spanish > 0",
        "mean gain, longer - shorter, Chinese > 0",
    ),
    requires=("mean sources read, Spanish > 0.05", "mean sources read, Chinese > 0.05"),
    seeds=3,
    first=200,
    minutes=45,
    data="bible, gettext",
    remark="What texts gain in BLEU and chrF, by trainings many times as long, the acceptance rows "
    "`translation-spanish` and `translation-chinese` print.",
    draw=("Spanish, without", "Spanish, attention", "Chinese, without", "Chinese, attention"),
    axes=("tokens of the source", "loss of a token in nats"),
)
SETS = {
    "Spanish": "bible:vocabulary=1000,context=60",
    "Chinese": "gettext:vocabulary=1500,context=60",
}
KINDS = {"without": "none", "attention": "general"}
STEPS, BINS = 1500, 6


def measure(seed: int, /) -> Measured:
    """Gains of attention, on all pairs and by length, and the losses by length."""
    found: dict[str, float | Curve] = {}
    for language in SETS:
        train, test = _pairs(language, "train"), _pairs(language, "test")
        size = int(dataset(SETS[language]).signature.outputs[0].dims[-1])
        each, read = {}, {}
        for name, attention in KINDS.items():
            torch.manual_seed(seed)
            model = EncoderDecoder(
                vocabulary=size, classes=size, padding_id=0, attention=attention, dim=64
            )
            learn(model, train, torch.Generator().manual_seed(seed), steps=STEPS)
            each[name] = losses(model, test, test.sources)
            read[name] = (losses(model, test, test.sources.roll(1, 0)) - each[name]).mean()
        lengths = (test.sources != 0).sum(1)
        order = lengths.argsort(stable=True)
        gains = (each["without"] - each["attention"])[order]
        shorter, longer = (part.mean().item() for part in gains.chunk(2))
        found[f"gain, {language}"] = gains.mean().item()
        found[f"gain, longer - shorter, {language}"] = longer - shorter
        found[f"sources read, {language}"] = read["without"].item()
        found[f"sources read with attention, {language}"] = read["attention"].item()
        across = [part.double().mean().item() for part in lengths[order].chunk(BINS)]
        for name, values in each.items():
            parts = [part.mean().item() for part in values[order].chunk(BINS)]
            found[f"{language}, {name}"] = Curve(across, parts)
    return found


@cache
def _pairs(language: str, part: str) -> Pairs:
    """All of the training part, or at most the first 600 of the test part."""
    data = dataset(SETS[language])
    split = (
        data.train if part == "train" else data.test.select(torch.arange(min(600, len(data.test))))
    )
    return Pairs(split.inputs, split.targets, 2)
