"""Rows on words: feelings of Chinese reviews, and vectors of words."""

from typing import Any

from acceptance.counting import bag_of_tokens
from acceptance.session import Outcome, Ran, Session, percent

REVIEWS = (
    "cartograd train lstm:dim=96,bidirectional=true,dropout=0.3 --data zh-reviews --epochs 6 "
    "--optimizer adamw:lr=3e-3 --set seed=SEED decay=all batch_size=64 clip=1.0"
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


VECTORS = (
    "cartograd train word2vec --data words --epochs 4 --optimizer adamw:lr=1e-2 "
    "--set seed=SEED decay=all objective={objective} batch_size=2048"
)
ANALOGIES = {
    "king - man + woman": "queen", "son - man + woman": "daughter",
    "father - man + woman": "mother", "his - he + she": "her", "sons - son + daughter": "daughters",
}  # fmt: skip
SHARE, RIGHT = 0.85, 4
"""Of the rank correlation that gensim's vectors reach, and of the family questions."""


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
    theirs = _gensim()
    return Outcome(
        claim="Word2vec (skip-gram) on six million words of the Bible, Shakespeare, Brown, Debian",
        command=VECTORS.format(objective="skip-gram"),
        measured=measured,
        unit="rank correlation of the similarities of 300 words with those of spaCy's vectors",
        asked=f"at least {SHARE:g} of what gensim's vectors reach on the same text, and {RIGHT} of "
        "5 family questions answered among the 5 nearest",
        passed=min(measured) >= SHARE * theirs and min(right) >= RIGHT,
        beside={
            "gensim, the same text and settings": f"{theirs:.3f}",
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
    from cartograd.data.store.pretrained_vectors import agreement

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

    from cartograd.data.sources import corpus
    from cartograd.data.store.pretrained_vectors import agreement

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
