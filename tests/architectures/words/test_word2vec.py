"""Vectors of words: the model, its two objectives, and what they learn from text."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cartograd.architectures.words.neighbours import nearest, neighbours
from cartograd.architectures.words.word2vec import Word2Vec
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.sources.words import words
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.cbow import CBOW
from cartograd.training.objectives.noise import Noise
from cartograd.training.objectives.skip_gram import SkipGram

TOPICS = [
    "cat dog horse cow sheep goat", "red blue green yellow white black",
    "one two three four five six", "run walk jump swim climb crawl",
]  # fmt: skip


def topical(folder, texts=150, seed=0):
    """Texts on four topics: words of one topic are neighbours, and no others."""
    draw = np.random.default_rng(seed)
    for i in range(texts):
        topic = TOPICS[i % 4].split()
        said = " ".join(f"{draw.choice(topic)} and" for _ in range(60))
        (folder / f"{i:03}.txt").write_text(said)
    return folder


def small(seed=0, **more):
    torch.manual_seed(seed)
    model = Word2Vec(vocabulary=12, dim=5, padding_id=0).double()
    model.guessed.weight.data.mul_(5)
    return model


@pytest.mark.law("word2vec")
def test_logits_are_products_with_the_mean_and_padding_changes_nothing():
    model = small()
    tokens = torch.tensor([[3, 4, 0, 0], [5, 5, 6, 1]])
    mean = torch.stack([model.vectors[[3, 4]].mean(0), model.vectors[[5, 5, 6, 1]].mean(0)])
    torch.testing.assert_close(model(tokens), mean @ model.guessed.weight.T, rtol=1e-12, atol=0)
    wider = F.pad(tokens, (0, 3))
    torch.testing.assert_close(model(wider), model(tokens), rtol=1e-12, atol=0)
    assert not model.read(torch.zeros(1, 4, dtype=torch.long)).any()
    bare = Word2Vec(vocabulary=12, dim=5)
    assert torch.allclose(bare.read(tokens)[0], bare.vectors[[3, 4, 0, 0]].mean(0))


@pytest.mark.law("skip-gram")
def test_the_gradient_of_pairs_is_the_one_of_the_paper():
    model = small()
    objective = SkipGram(model=model, negatives=5, shared=7)
    neighbours_of, word = torch.tensor([[2, 3, 0], [4, 0, 0]]), torch.tensor([1, 5])
    (loss,) = objective.losses((neighbours_of, word))
    (loss.value * loss.weight).sum().backward()
    v, u = model.words.weight.detach(), model.guessed.weight.detach()
    gv, gu = torch.zeros_like(v), torch.zeros_like(u)
    noise = objective.noise.drawn().tolist()
    for centre, context in ((1, 2), (1, 3), (5, 4)):
        g = torch.sigmoid(u[context] @ v[centre]) - 1
        gv[centre] += g * u[context]
        gu[context] += g * v[centre]
        for j in noise:
            if j != context:
                g = torch.sigmoid(u[j] @ v[centre]) * 5 / 7
                gv[centre] += g * u[j]
                gu[j] += g * v[centre]
    torch.testing.assert_close(model.words.weight.grad, gv, rtol=0, atol=1e-10)
    torch.testing.assert_close(model.guessed.weight.grad, gu, rtol=0, atol=1e-10)
    assert loss.weight.tolist() == [2, 1]


@pytest.mark.law("cbow")
def test_a_window_is_its_mean_without_order_and_padding():
    model = small()
    objective = CBOW(model=model, negatives=4, shared=9)
    word = torch.tensor([7])
    (loss,) = objective.losses((torch.tensor([[2, 3, 3]]), word))
    h = model.vectors[[2, 3, 3]].mean(0)
    u = model.guessed.weight
    away = sum(F.softplus(u[j] @ h) for j in objective.noise.drawn().tolist() if j != 7)
    expected = F.softplus(-u[7] @ h) + 4 / 9 * away
    torch.testing.assert_close(loss.value[0], expected, rtol=0, atol=1e-10)
    for row in ([3, 2, 3, 0, 0], [0, 3, 3, 2, 0]):
        (again,) = objective.losses((torch.tensor([row]), word))
        torch.testing.assert_close(again.value, loss.value, rtol=0, atol=1e-12)


@pytest.mark.law("skip-gram")
def test_noise_comes_by_frequency_to_three_quarters():
    class Known:
        counts = (0, 0, 0, 0, 0, 1, 16, 81, 256)

    model = Signed(small().float(), Signature((), (Port("w", "label", (12,)),)), tokenizer=Known())
    noise = Noise(model, negatives=5, shared=200_000)
    share = noise.drawn().bincount(minlength=12) / 200_000
    expected = torch.tensor([0, 0, 0, 0, 0, 1, 8, 27, 64, 0, 0, 0])  # beyond the list: seen once
    expected[9:] = 1
    torch.testing.assert_close(share, expected / expected.sum(), rtol=0, atol=0.005)
    assert torch.equal(noise.drawn(), noise.drawn()), "a step's microbatches share their noise"
    torch.manual_seed(5)
    assert not torch.equal(noise.drawn(), Noise(model, negatives=5, shared=99).drawn())


@pytest.mark.parametrize("name", ["skip-gram", "cbow"])
def test_words_of_one_topic_become_neighbours(tmp_path, name):
    data = words(topical(tmp_path), window=4, sample=1e-2)
    model = build("word2vec:dim=16", signature=data.signature)
    model.tokenizer = data.tokenizer
    objective = build(name, kind="objective", model=model)
    batches = data.train.batches(batch_size=256)
    fit(objective, batches, epochs=4, optimizers="adamw:lr=2e-2", progress=False)
    right = 0
    for topic in TOPICS:
        for word in topic.split():
            found = [other for other, _ in neighbours(model, word, top=5)]
            right += len(set(found) & set(topic.split()))
    assert right / (24 * 5) > 0.9


@pytest.mark.oracle("word2vec")
def test_similarities_are_those_of_gensim(tmp_path):
    """A text of two kinds of likeness: gensim and ours must agree on who is near whom."""
    import gensim

    data = words(topical(tmp_path), window=4, sample=0.0)
    texts = [file.read_text().split() for file in sorted(tmp_path.glob("*.txt"))]
    theirs = gensim.models.Word2Vec(
        texts, vector_size=16, window=4, min_count=5, sg=1, negative=5, sample=0, epochs=20,
        seed=1, workers=1,
    ).wv  # fmt: skip
    model = build("word2vec:dim=16", signature=data.signature)
    model.tokenizer = data.tokenizer
    objective = build("skip-gram", kind="objective", model=model)
    fit(objective, data.train.batches(batch_size=256), epochs=4, optimizers="adamw:lr=1e-2")
    known = [word for topic in TOPICS for word in topic.split()]
    place = [data.signature.output.labels.index(word) for word in known]
    ours = F.normalize(model.model.vectors.detach()[place], dim=1)
    ours = (ours @ ours.T)[~torch.eye(24, dtype=bool)].numpy()
    other = torch.tensor(np.stack([theirs.get_vector(word, norm=True) for word in known]))
    other = (other @ other.T)[~torch.eye(24, dtype=bool)].numpy()
    assert np.corrcoef(ours, other)[0, 1] > 0.85


def test_questions_of_several_words():
    vectors = torch.tensor([[9.0, 9, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.1], [-1, 1, 0], [0, 0, 1]])
    known = ("<pad>", "a", "b", "c", "d", "mother-in-law")
    assert nearest(vectors, known, "a + b", top=1)[0][0] == "c"
    assert nearest(vectors, known, "b - a", top=1)[0][0] == "d"
    assert [word for word, _ in nearest(vectors, known, "a", top=9)] == [
        "c", "b", "mother-in-law", "d"
    ] or len(nearest(vectors, known, "a", top=9)) == 4  # fmt: skip
    assert nearest(vectors, known, "mother-in-law", top=1)[0][0] == "c"
    with pytest.raises(UsageError, match="unknown word 'e'"):
        nearest(vectors, known, "a + e")


def test_other_models_have_none():
    with pytest.raises(UsageError, match="neighbours need a word2vec model"):
        neighbours(torch.nn.Linear(2, 2), "a")
    with pytest.raises(UsageError, match="need a model with two vectors for each word"):
        SkipGram(model=torch.nn.Linear(2, 2))
