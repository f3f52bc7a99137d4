"""Rows on words: feelings of Chinese reviews, and vectors of words."""

from typing import TYPE_CHECKING, Any

from acceptance.counting import bag_of_tokens
from acceptance.session import Outcome, Ran, Session, percent, seeded

if TYPE_CHECKING:
    from cartograd.data.dataset.dataset import Dataset

READ = (
    "cartograd train {model}:dim=96,bidirectional=true,dropout=0.3 --data zh-reviews --epochs 6 "
    "--optimizer adamw:lr=3e-3 --set seed=SEED decay=all batch_size=64 clip=1.0"
)
HEAD = (
    "cartograd train minilm --data zh-reviews:context=100 --epochs 2 --optimizer adamw:lr=1e-2 "
    "--set seed=SEED freeze=true batch_size=64"
)
ABOVE = 5.0
"""Points that a head on a frozen English encoder has to be above the constant answer."""


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
    commands = {"LSTM": READ.format(model="lstm"), "GRU": READ.format(model="gru")}
    runs = {
        name: [session.train(c, seed) for seed in session.seeds] for name, c in commands.items()
    }
    head = session.train(HEAD, session.seeds[0])
    found = {name: [percent(run.metric("accuracy")) for run in each] for name, each in runs.items()}
    above = percent(head.metric("accuracy"))
    return Outcome(
        claim="Chinese reviews, liked or not: an LSTM and a GRU read characters in order",
        command=commands["LSTM"],
        measured=found["LSTM"],
        asked=f"the LSTM and the GRU, on every seed, above {bag:.2f} %, logistic regression on the "
        f"bag of characters; a head on MiniLM {ABOVE:g} points above the constant answer",
        passed=min(*found["LSTM"], *found["GRU"]) > bag and above > most + ABOVE,
        beside={
            "GRU": ", ".join(f"{one:.2f} %" for one in found["GRU"]),
            "a new head on MiniLM, frozen, one seed": f"{above:.2f} %",
            "bag of characters": f"{bag:.2f} %",
            "always the more frequent": f"{most:.2f} %",
            "characters of the test that MiniLM has no token for": f"{_unknown(head, data):.0%}",
        },
        cpu=[run.cpu for run in runs["LSTM"]],
        wall=[run.wall for run in runs["LSTM"]],
        notes=[
            "Reviews that occur several times in the file are taken once.",
            "The GRU took "
            + ", ".join(f"{run.cpu:.0f}" for run in runs["GRU"])
            + f" CPU seconds, the head {head.cpu:.0f}: `{seeded(HEAD, session.seeds[0])}`. MiniLM "
            "learned English; of Chinese its vocabulary has the commonest characters.",
        ],
    )


def _unknown(run: Ran, data: "Dataset") -> float:
    """The share of a run's tokens of the test texts that stand for what it has none for."""
    import cartograd as cg

    tokenizer: Any = cg.load(run.folder).model.tokenizer
    test: Any = data.test
    found = [token for row in tokenizer.encoded(test.table.column("text")) for token in row]
    return found.count(tokenizer.unknown) / len(found)


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
