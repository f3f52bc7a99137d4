"""Rows on translation: verses into Spanish, messages of programs into Chinese."""

from typing import TYPE_CHECKING, Any

from acceptance.counting import Dictionary
from acceptance.session import Outcome, Ran, Session

if TYPE_CHECKING:
    from cartograd.data.dataset.dataset import Dataset, Examples

INTO_CHINESE = "gettext:vocabulary=4000,context=60"
INTO_SPANISH = "bible:vocabulary=3000"
MODELS = {
    "Transformer": "transformer:dim=128,heads=4,depth=2,ffn_dim=512,dropout=0.1",
    "with attention": "seq2seq-luong:dim=128,dropout=0.1",
    "without": "seq2seq-plain:dim=128,dropout=0.1",
}
TRANSLATOR = (
    "cartograd train {model} --data {data} --epochs {epochs} "
    "--optimizer adamw:lr=2e-3 --set seed=SEED decay=all schedule=onecycle batch_size=32 clip=1.0"
)
TEXTS = 300
"""Of the test part, that are translated."""


def into_chinese(session: Session, /) -> Outcome:
    """Messages of programs and a game from English into Chinese."""
    return _translation(session, INTO_CHINESE, 12, "Messages from English into Chinese")


def into_spanish(session: Session, /) -> Outcome:
    """Verses from English into Spanish."""
    return _translation(session, INTO_SPANISH, 5, "Verses from English into Spanish")


def _translation(session: Session, spec: str, epochs: int, claim: str) -> Outcome:
    """ChrF of a Transformer, of recurrent models with and without attention, and of counting."""
    import cartograd as cg

    data = cg.dataset(spec)
    sources, expected = texts_of(data, data.test, TEXTS)
    commands = {
        name: TRANSLATOR.format(model=model, data=spec, epochs=epochs)
        for name, model in MODELS.items()
    }
    runs = {
        name: [session.train(c, seed) for seed in session.seeds] for name, c in commands.items()
    }
    chinese = spec.startswith("gettext")
    written = {name: [_translated(run, data) for run in each] for name, each in runs.items()}
    found = {
        name: [scores(one, expected, chinese) for one in each] for name, each in written.items()
    }
    counted = scores(word_by_word(data, sources, chinese), expected, chinese)
    copied = scores(sources, expected, chinese)
    ahead = [
        first[1] > second[1] > third[1]
        for first, second, third in zip(*found.values(), strict=True)
    ]
    return Outcome(
        claim=f"{claim}: the Transformer beats attention, which beats a plain encoder-decoder",
        command=commands["Transformer"],
        measured=[round(one[1], 2) for one in found["Transformer"]],
        unit="chrF",
        asked="chrF above that with attention, and that above the one without, on every seed; the "
        "Transformer above the dictionary",
        passed=all(ahead) and min(one[1] for one in found["Transformer"]) > counted[1],
        beside={
            **{f"BLEU and chrF, {name}": _both(each) for name, each in found.items()},
            "chrF gained by attention, shorter and longer half": ", ".join(
                _gains(sources, expected, one, other)
                for one, other in zip(written["with attention"], written["without"], strict=True)
            ),
            "a dictionary (IBM-1), word by word": _both([counted]),
            "the source as it is": _both([copied]),
        },
        cpu=[run.cpu for run in runs["Transformer"]],
        wall=[run.wall for run in runs["Transformer"]],
        notes=[f"{TEXTS} texts of the test part, the most probable token at each step."],
    )


def texts_of(data: "Dataset", part: "Examples", count: int, /) -> tuple[list[str], list[str]]:
    """Sources and translations of a part, as text."""
    some = part.select(range(min(count, len(part))))
    wanted = some.targets.where(some.targets >= 0, data.tokenizer.padding)
    sources, expected = (
        [data.tokenizer.decode(row) for row in side] for side in (some.inputs, wanted)
    )
    return sources, expected


def _translated(run: Ran, data: "Dataset", /) -> list[str]:
    """The test texts by a trained model, greedily."""
    import torch

    import cartograd as cg
    from cartograd.architectures.decoding.generate import generate

    model: Any = cg.load(run.folder).model.model
    tokenizer, found = data.tokenizer, []
    some = data.test.select(range(min(TEXTS, len(data.test))))
    with torch.inference_mode():
        for rows in some.inputs.split(50):
            begin = rows.new_full((len(rows), 1), tokenizer.begin)
            decoder = model.decoder(rows, 81)
            written = generate(decoder, begin, length=80, stop=(tokenizer.end,))
            found += [tokenizer.decode(row) for row in written]
    return found


def word_by_word(data: "Dataset", sources: list[str], chinese: bool, /) -> list[str]:
    """Each word's most probable translation, learned from the training pairs by IBM's model 1."""
    import re

    def cut(text: str) -> list[str]:
        return re.findall(r"[\u4e00-\u9fff]|\w+|[^\w\s]", text.lower())

    pairs = zip(*texts_of(data, data.train, 8000), strict=True)
    found = Dictionary((cut(one), cut(other)) for one, other in pairs)
    between = "" if chinese else " "
    return [between.join(found.translated(cut(text))) for text in sources]


def scores(written: list[str], expected: list[str], chinese: bool) -> tuple[float, float]:
    """BLEU and chrF in percent."""
    from cartograd.practice.metrics.bleu import bleu
    from cartograd.practice.metrics.chrf import chrf

    words = "zh" if chinese else "13a"
    return 100 * bleu(written, expected, tokenize=words), 100 * chrf(written, expected)


def _gains(sources: list[str], expected: list[str], one: list[str], other: list[str]) -> str:
    """ChrF that one has more than the other on the shorter and on the longer half of the texts."""
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    shown = []
    for half in (order[: len(order) // 2], order[len(order) // 2 :]):
        ours, theirs, wanted = ([each[i] for i in half] for each in (one, other, expected))
        gain = scores(ours, wanted, chinese=False)[1] - scores(theirs, wanted, chinese=False)[1]
        shown.append(f"{gain:+.1f}")
    return " and ".join(shown)


def _both(scores: list[tuple[float, float]]) -> str:
    return ", ".join(f"{one:.1f} / {other:.1f}" for one, other in scores)
