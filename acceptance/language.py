"""Rows on language: feelings of Chinese reviews, translation into Chinese, vectors of words."""

from typing import TYPE_CHECKING, Any

from acceptance.counting import Dictionary, bag_of_tokens
from acceptance.session import Outcome, Ran, Session, percent

if TYPE_CHECKING:
    from cartograd.data.dataset import Dataset, Examples

REVIEWS = (
    "cartograd train lstm:dim=96,bidirectional=true,dropout=0.3 --data zh-reviews --epochs 6 "
    "--optimizer adamw:lr=3e-3 --set seed=SEED batch_size=64 clip=1.0"
)


def chinese_reviews(session: Session, /) -> Outcome:
    """Liked or not, read character by character, beside how often each character occurs."""
    import cartograd as cg

    data = cg.dataset("zh-reviews")
    train, test = (
        (part.select(range(len(part))).stored.numpy(), part.targets.numpy())
        for part in (data.train, data.test)
    )
    bag = percent(bag_of_tokens(train, test, tokens=data.tokenizer.vocabulary))
    most = percent(float(data.test.targets.bincount().max()) / len(data.test))
    runs = [session.train(REVIEWS, seed) for seed in session.seeds]
    measured = [percent(run.metric("accuracy")) for run in runs]
    return Outcome(
        claim="Chinese reviews, liked or not: an LSTM that reads characters in their order",
        command=REVIEWS,
        measured=measured,
        asked=f"above {bag:.2f} %, logistic regression on the bag of characters",
        passed=min(measured) > bag,
        beside={"bag of characters": f"{bag:.2f} %", "always the more frequent": f"{most:.2f} %"},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=["Reviews that occur several times in the file are taken once."],
    )


INTO_CHINESE = "gettext:vocabulary=4000,context=60"
INTO_SPANISH = "bible:vocabulary=3000"
MODELS = {
    "Transformer": "transformer:dim=128,heads=4,depth=2,inner=512,dropout=0.1",
    "with attention": "seq2seq-luong:dim=128,dropout=0.1",
    "without": "seq2seq-plain:dim=128,dropout=0.1",
}
TRANSLATOR = (
    "cartograd train {model} --data {data} --epochs {epochs} "
    "--optimizer adamw:lr=2e-3 --set seed=SEED schedule=onecycle batch_size=32 clip=1.0"
)
TEXTS = 300
"""Of the test part, that are translated."""


def into_chinese(session: Session, /) -> Outcome:
    """Messages of programs and a game from English into Chinese."""
    return _translation(session, INTO_CHINESE, 12, "Messages from English into Chinese")


def into_spanish(session: Session, /) -> Outcome:
    """Verses from English into Spanish."""
    return _translation(session, INTO_SPANISH, 8, "Verses from English into Spanish")


def _translation(session: Session, spec: str, epochs: int, claim: str) -> Outcome:
    """ChrF of a Transformer, of recurrent models with and without attention, and of counting."""
    import cartograd as cg

    data = cg.dataset(spec)
    sources, expected = texts(data, data.test, TEXTS)
    commands = {
        name: TRANSLATOR.format(model=model, data=spec, epochs=epochs)
        for name, model in MODELS.items()
    }
    runs = {
        name: [session.train(c, seed) for seed in session.seeds] for name, c in commands.items()
    }
    chinese = spec.startswith("gettext")
    found = {
        name: [_scores(translated(run, data), expected, chinese) for run in each]
        for name, each in runs.items()
    }
    counted = _scores(word_by_word(data, sources, chinese), expected, chinese)
    copied = _scores(sources, expected, chinese)
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
            "a dictionary (IBM-1), word by word": _both([counted]),
            "the source as it is": _both([copied]),
        },
        cpu=[run.cpu for run in runs["Transformer"]],
        wall=[run.wall for run in runs["Transformer"]],
        notes=[f"{TEXTS} texts of the test part, the most probable token at each step."],
    )


def texts(data: "Dataset", part: "Examples", count: int, /) -> tuple[list[str], list[str]]:
    """Sources and translations of a part, as text."""
    some = part.select(range(min(count, len(part))))
    wanted = some.targets.where(some.targets >= 0, data.tokenizer.padding)
    sources, expected = (
        [data.tokenizer.decode(row) for row in side] for side in (some.inputs, wanted)
    )
    return sources, expected


def translated(run: Ran, data: "Dataset", /) -> list[str]:
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

    pairs = zip(*texts(data, data.train, 8000), strict=True)
    found = Dictionary((cut(one), cut(other)) for one, other in pairs)
    between = "" if chinese else " "
    return [between.join(found.translated(cut(text))) for text in sources]


def _scores(written: list[str], expected: list[str], chinese: bool) -> tuple[float, float]:
    """BLEU and chrF in percent."""
    from cartograd.practice.metrics.bleu import bleu
    from cartograd.practice.metrics.chrf import chrf

    words = "zh" if chinese else "13a"
    return 100 * bleu(written, expected, words=words), 100 * chrf(written, expected)


def _both(scores: list[tuple[float, float]]) -> str:
    return ", ".join(f"{one:.1f} / {other:.1f}" for one, other in scores)


VECTORS = (
    "cartograd train word2vec --data words --epochs 4 --optimizer adamw:lr=1e-2 "
    "--set seed=SEED objective={objective} batch_size=2048"
)
ANALOGIES = {
    "king - man + woman": "queen", "son - man + woman": "daughter",
    "father - man + woman": "mother", "his - he + she": "her", "sons - son + daughter": "daughters",
}  # fmt: skip
LEAST = 0.3
"""Rank correlation of similarities with those of published vectors."""


def word_vectors(session: Session, /) -> Outcome:
    """Vectors learned from six million words, against published ones."""
    runs = {
        objective: [session.train(VECTORS.format(objective=objective), s) for s in session.seeds]
        for objective in ("skip-gram", "cbow")
    }
    found = {name: [_likeness(run) for run in each] for name, each in runs.items()}
    measured = [round(one[0], 3) for one in found["skip-gram"]]
    near = {word: _near(runs["skip-gram"][0], word) for word in ("king", "water", "network")}
    right = [one[1] for one in found["skip-gram"]]
    return Outcome(
        claim="Word2vec (skip-gram) on six million words of the Bible, Shakespeare, Brown, Debian",
        command=VECTORS.format(objective="skip-gram"),
        measured=measured,
        unit="rank correlation of the similarities of 300 words with those of spaCy's vectors",
        asked=f">= {LEAST:g}, and 2 of 5 family questions answered among the 5 nearest",
        passed=min(measured) >= LEAST and min(right) >= 2,
        beside={
            "gensim, the same text and settings": f"{_gensim():.3f}",
            "CBOW": ", ".join(f"{one[0]:.3f}" for one in found["cbow"]),
            "family questions, skip-gram": ", ".join(f"{one} of 5" for one in right),
            **{f"nearest to {word}": words for word, words in near.items()},
        },
        cpu=[run.cpu for run in runs["skip-gram"]],
        wall=[run.wall for run in runs["skip-gram"]],
    )


def _likeness(run: Ran) -> tuple[float, int]:
    """The correlation with published vectors, and family questions answered."""
    import cartograd as cg
    from cartograd.architectures.words.neighbours import neighbours
    from cartograd.data.published_vectors import agreement

    model: Any = cg.load(run.folder).model
    found = agreement(model.model.vectors.detach(), model.signature.output.labels)
    answers = (
        answer in [word for word, _ in neighbours(model, question, top=5)]
        for question, answer in ANALOGIES.items()
    )
    return found, sum(answers)


def _gensim() -> float:
    """The correlation of gensim's vectors, learned from the same text."""
    import gensim
    import torch

    from cartograd.data import corpus
    from cartograd.data.published_vectors import agreement

    found = [corpus.words(text) for text in corpus.texts(tuple(corpus.READERS))]
    vectors = gensim.models.Word2Vec(
        found, vector_size=100, window=5, min_count=5, max_final_vocab=20_000, sg=1, negative=5,
        sample=1e-4, epochs=4, seed=1, workers=1,
    ).wv  # fmt: skip
    return agreement(torch.tensor(vectors.vectors), vectors.index_to_key)


def _near(run: Ran, word: str) -> str:
    import cartograd as cg
    from cartograd.architectures.words.neighbours import neighbours

    return ", ".join(other for other, _ in neighbours(cg.load(run.folder).model, word, top=6))
