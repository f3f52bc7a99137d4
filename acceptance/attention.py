"""Rows on additive attention: with beam search, and beside a plain decoder on long sentences."""

from typing import TYPE_CHECKING, Any

from acceptance.session import Outcome, Ran, Session
from acceptance.translation import TEXTS, texts_of, word_by_word

if TYPE_CHECKING:
    from torch import Tensor

    from cartograd.data.dataset.dataset import Dataset

DATA = "gettext:vocabulary=2000,context=20"
COMMAND = (
    "cartograd train {model}:dim=128,dropout=0.1 --data " + DATA + " --epochs 8 "
    "--optimizer adamw:lr=3e-3 --set seed=SEED decay=all schedule=onecycle batch_size=64 clip=1.0"
)
BEAMS = (1, 4, 8)
LONG = "gettext:vocabulary=2000,context=41"
TOKENS = 20
"""Of a sentence at most that is not long."""

LEARNS = COMMAND.replace(DATA, LONG).replace("--epochs 8", "--epochs 5")
"""After seed 100, where five epochs of both took 190 CPU seconds and attention gained 1.6 chrF (1.2
to 2.2) on long sentences, 5.2 on shorter ones; nothing was changed."""

TOGETHER = 50
"""Texts that are translated at once."""


def bahdanau_beams(session: Session, /) -> Outcome:
    """BLEU and chrF by the width of the beam, beside a plain decoder and baselines by counting."""
    import cartograd as cg

    data = cg.dataset(DATA)
    sources, expected = texts_of(data, data.test, TEXTS)
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    longer = order[len(order) // 2 :]
    command = COMMAND.format(model="seq2seq-bahdanau")
    runs = [session.train(command, seed) for seed in session.seeds]
    plain = [session.train(COMMAND.format(model="seq2seq-plain"), s) for s in session.seeds]
    found = {k: [_written(run, sources, beams=k) for run in runs] for k in BEAMS}
    without = [_written(run, sources, beams=1) for run in plain]
    counted = word_by_word(data, sources, True)
    measured = [_chrf(one, expected) for one in found[1]]
    behind = [_chrf(one, expected) for one in without]
    gains = [_difference(a, b, expected) for a, b in zip(found[1], without, strict=True)]
    far = [
        _difference(*(_some(one, longer) for one in (a, b, expected)))
        for a, b in zip(found[1], without, strict=True)
    ]
    looks = [_alignment(run, data) for run in runs]
    return Outcome(
        claim="Bahdanau's attention with beam search, messages from English into Chinese",
        command=command,
        measured=[round(one, 2) for one in measured],
        unit="chrF",
        asked="greedily above the plain decoder on the longer half of the texts, the whole 95 % "
        "interval and on every seed, and above the source as it is",
        passed=min(low for _, low, _ in far) > 0 and min(measured) > _chrf(sources, expected),
        beside={
            **{f"BLEU / chrF, beam of {k}": _both(found[k], expected) for k in BEAMS},
            **{
                f"chrF gained by a beam of {k}": _shown(
                    [_difference(a, b, expected) for a, b in zip(found[k], found[1], strict=True)]
                )
                for k in BEAMS[1:]
            },
            "BLEU / chrF, without attention, greedily": _both(without, expected),
            "chrF gained by attention": _shown(gains),
            "chrF gained by attention, the longer half": _shown(far),
            "a dictionary (IBM-1), word by word": _both([counted], expected),
            "the source as it is": _both([sources], expected),
            "attention follows the source's order (correlation of places)": _each(looks, 0),
            "attention on the same token of the source (chance)": ", ".join(
                f"{right:.0%} ({chance:.0%})" for _, right, _, chance in looks
            ),
            "attention on it or beside it": ", ".join(f"{near:.0%}" for _, _, near, _ in looks),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            f"{TEXTS} texts of the test part; 95 % intervals over these, of each seed. The longer "
            f"half begins at {len(sources[longer[0]])} characters.",
            "The same token: pieces that stand once in the source and once in the translation, "
            "such as placeholders, numbers and names.",
            "The plain decoder reached " + ", ".join(f"{one:.1f}" for one in behind) + " chrF.",
        ],
    )


def attention_long_sentences(session: Session, /) -> Outcome:
    """ChrF of long sentences with attention and without."""
    import cartograd as cg

    data = cg.dataset(LONG)
    command = LEARNS.format(model="seq2seq-bahdanau")
    runs = [session.train(command, seed) for seed in session.seeds]
    plain = [session.train(LEARNS.format(model="seq2seq-plain"), s) for s in session.seeds]
    by_length = long_and_short(data.test.select(range(len(data.test))).inputs)
    found = {}
    for name, chosen in by_length.items():
        sources, expected = texts_of(data, data.test.select(chosen), TEXTS)
        pairs = [tuple(_written(run, sources, beams=1) for run in two)
                 for two in zip(runs, plain, strict=True)]  # fmt: skip
        found[name] = (sources, expected, pairs)
    sources, expected, pairs = found["long"]
    gains = {
        name: [_difference(a, b, wanted) for a, b in each]
        for name, (_, wanted, each) in found.items()
    }
    measured = [_chrf(one, expected) for one, _ in pairs]
    return Outcome(
        claim=f"Additive attention beats a plain decoder on sentences of more than {TOKENS} tokens",
        command=command,
        measured=[round(one, 2) for one in measured],
        unit="chrF",
        asked="greedily above the plain decoder on these sentences, the whole 95 % interval and on "
        "every seed, and above the source as it is",
        passed=min(low for _, low, _ in gains["long"]) > 0
        and min(measured) > _chrf(sources, expected),
        beside={
            "BLEU / chrF, with attention": _both([one for one, _ in pairs], expected),
            "BLEU / chrF, without": _both([one for _, one in pairs], expected),
            "chrF gained by attention": _shown(gains["long"]),
            "chrF gained by attention, shorter sentences": _shown(gains["short"]),
            "the source as it is": _both([sources], expected),
        },
        cpu=[one.cpu + other.cpu for one, other in zip(runs, plain, strict=True)],
        wall=[one.wall + other.wall for one, other in zip(runs, plain, strict=True)],
        notes=[
            f"{len(sources)} messages of programs and a game of the test part, from English into "
            f"Chinese, whose source has {TOKENS + 1} to 40 tokens; 95 % intervals over these, of "
            "each seed. Both models are equally wide (with attention 1.08 million weights, without "
            "0.96) and read the same pairs equally often; CPU seconds are of both.",
            f"Of {len(data.train):,} pairs neither learns to translate long sentences well: what "
            "is asked is which of the two says more of what it should.",
        ],
    )


def long_and_short(sources: "Tensor", /) -> dict[str, list[int]]:
    """Which sources have more than so many tokens before the one that ends them, and which not.

    Args:
        sources: padded by zeros.
    """
    counts = ((sources != 0).sum(1) - 1).tolist()
    return {
        "long": [place for place, count in enumerate(counts) if count > TOKENS],
        "short": [place for place, count in enumerate(counts) if count <= TOKENS],
    }


def _written(run: Ran, sources: list[str], /, *, beams: int) -> list[str]:
    """Translations by the verb."""
    import cartograd as cg

    groups = [sources[at : at + TOGETHER] for at in range(0, len(sources), TOGETHER)]
    bundle = cg.load(run.folder)
    return [one.text for group in groups for one in cg.generate(bundle, group, beams=beams)]


def _alignment(run: Ran, data: "Dataset", /) -> tuple[float, float, float, float]:
    """How far attention goes with the source, and how often it is on (and near) the same token.

    Returns:
        The correlation of a token's place with the mean place of its attention; of tokens that
        stand once in both texts, the share whose attention is highest at the same one, there or
        beside it, and by chance.
    """
    import torch

    import cartograd as cg

    model: Any = cg.load(run.folder).model.model
    some = data.test.select(range(min(TEXTS, len(data.test))))
    with torch.inference_mode():
        weights = model.alignment(some.inputs, some.arguments[1])
    order, hits, near, chance = [], [], [], []
    for source, target, own in zip(some.inputs, some.targets, weights, strict=True):
        source, target = source[source != 0][:-1], target[target >= 0][:-1]
        seen = own[: len(target), : len(source)]
        if len(target) > 4 and len(source) > 4:
            order.append(_correlation(seen))
        for place, token in enumerate(target):
            there = (source == token).nonzero()[:, 0]
            if len(there) == 1 and (target == token).sum() == 1:
                far = abs(int(seen[place].argmax()) - int(there))
                hits.append(far == 0)
                near.append(far <= 1)
                chance.append(1 / len(source))
    return tuple(sum(each) / len(each) for each in (order, hits, near, chance))  # type: ignore[return-value]


def _correlation(weights: "Tensor") -> float:
    """Of the places in the translation with the mean places of their attention."""
    import torch

    count, width = weights.shape
    shares = weights / weights.sum(1, keepdim=True)
    places = shares @ torch.arange(width, dtype=weights.dtype)
    pair = torch.stack([places, torch.arange(count, dtype=weights.dtype)])
    return float(torch.corrcoef(pair)[0, 1].nan_to_num())


def _chrf(written: list[str], expected: list[str]) -> float:
    from cartograd.practice.metrics.chrf import chrf

    return 100 * chrf(written, expected)


def _difference(
    one: list[str], other: list[str], expected: list[str]
) -> tuple[float, float, float]:
    """How much more chrF one has, and its interval."""
    from cartograd.practice.metrics.texts import interval

    low, high = interval("chrf", one, expected, instead=other)
    return _chrf(one, expected) - _chrf(other, expected), 100 * low, 100 * high


def _both(written: list[list[str]], expected: list[str]) -> str:
    """BLEU, and chrF with its interval, of each seed."""
    from cartograd.practice.metrics.bleu import bleu
    from cartograd.practice.metrics.texts import interval

    shown = []
    for one in written:
        low, high = interval("chrf", one, expected)
        words = 100 * bleu(one, expected, tokenize="zh")
        shown.append(
            f"{words:.1f} / {_chrf(one, expected):.1f} ({100 * low:.1f} to {100 * high:.1f})"
        )
    return ", ".join(shown)


def _some(texts: list[str], chosen: list[int]) -> list[str]:
    return [texts[i] for i in chosen]


def _shown(differences: list[tuple[float, float, float]]) -> str:
    return ", ".join(f"{gain:+.1f} ({low:+.1f} to {high:+.1f})" for gain, low, high in differences)


def _each(looks: list[tuple[float, float, float, float]], which: int) -> str:
    return ", ".join(f"{one[which]:.2f}" for one in looks)
