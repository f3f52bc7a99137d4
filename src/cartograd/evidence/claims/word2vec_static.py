"""'Bank' by a river and 'bank' with money: one vector by Word2Vec, two kinds by attention."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from cartograd.architectures.pretrained.minilm import minilm
from cartograd.architectures.transformer.sentence_encoder import SentenceEncoder
from cartograd.architectures.words.word2vec import Word2Vec
from cartograd.core.build import build
from cartograd.data.text import vocabularies
from cartograd.engine.loop.fit import fit
from cartograd.evidence.bank import MONEY, RIVER
from cartograd.evidence.claim import Claim, Measured

CLAIM = Claim(
    id="word2vec-static",
    place="embed/contextual",
    en="Word2Vec gives 'bank' one vector, self-attention two",
    zh="Word2Vec 静态,自注意力动态",
    hypothesis="Of 32 sentences with the word 'bank', half of them about rivers and half about "
    "money, 12 of each kind are drawn. Two clusters of the vectors of 'bank' (k-means, the better "
    "of both names, ten starts) tell the senses apart: the share of sentences in the right cluster "
    "is above 3/4 for MiniLM's last layer, and 1/2, the share of guessing, for Word2Vec trained on "
    "the same sentences, whose vector of 'bank' is the same in all.",
    rule=("mean MiniLM > 0.75", "mean Word2Vec <= 0.5", "mean MiniLM - Word2Vec > 0.25"),
    seeds=10,
    data="minilm",
    draw=("Word2Vec", "MiniLM"),
    axes=("sentences in the right cluster", ""),
)


def measure(seed: int, /) -> Measured:
    """The share of sentences in the right one of two clusters, by either model."""
    draw = torch.Generator().manual_seed(seed)
    chosen = [
        kind[i] for kind in (RIVER, MONEY) for i in torch.randperm(len(kind), generator=draw)[:12]
    ]
    sense = torch.arange(2).repeat_interleave(12)
    found = {
        "Word2Vec": _right(_static(chosen, seed), sense, draw),
        "MiniLM": _right(_contextual(chosen), sense, draw),
    }
    return found | {"MiniLM - Word2Vec": found["MiniLM"] - found["Word2Vec"]}


def _contextual(sentences: list[str]) -> Float[Tensor, "n d"]:
    """The last layer at the place of 'bank'."""
    model = minilm()
    encoder, tokenizer = model.model, model.tokenizer
    assert isinstance(encoder, SentenceEncoder)
    bank, vectors = tokenizer.number("bank"), []
    with torch.inference_mode():
        for sentence in sentences:
            tokens = torch.tensor([tokenizer.encode(sentence)])
            vectors.append(encoder.encoder.hidden(tokens)[0, tokens[0].tolist().index(bank)])
    return F.normalize(torch.stack(vectors), dim=1)


def _static(sentences: list[str], seed: int) -> Float[Tensor, "n d"]:
    """Word2Vec's vector of 'bank' for each sentence."""
    torch.manual_seed(seed)
    tokenizer = vocabularies.words(sentences, vocabulary=1000)
    rows = vocabularies.padded(tokenizer.encoded(sentences)).long()
    model = Word2Vec(vocabulary=tokenizer.vocabulary, dim=32, padding_id=vocabularies.PADDING)
    windows = F.pad(rows, (3, 3)).unfold(1, 7, 1)
    around, word = windows[..., [0, 1, 2, 4, 5, 6]].flatten(0, 1), rows.flatten()
    pairs = [(around[word != vocabularies.PADDING], word[word != vocabularies.PADDING])]
    objective = build("cbow", kind="objective", model=model)
    optimizer = "adamw:lr=1e-2"
    fit(objective, pairs, epochs=60, optimizer=optimizer, decay="all", seed=seed, progress=False)
    bank = tokenizer.encode("bank")[0]
    vectors = [model.vectors.detach()[row[row == bank][:1]] for row in rows]
    return F.normalize(torch.cat(vectors), dim=1)


def _right(points: Float[Tensor, "n d"], sense: Tensor, draw: torch.Generator) -> float:
    """How many of the points k-means puts where their sense belongs, by the better naming."""
    best, share = float("inf"), 0.0
    for _ in range(10):
        centres = points[torch.randperm(len(points), generator=draw)[:2]]
        own = torch.cdist(points, centres).argmin(1)
        for _ in range(20):
            means = [points[own == k].mean(0) if (own == k).any() else centres[k] for k in (0, 1)]
            centres = torch.stack(means)
            own = torch.cdist(points, centres).argmin(1)
        spread = float((points - centres[own]).square().sum())
        if spread < best:
            agree = float((own == sense).double().mean())
            best, share = spread, max(agree, 1 - agree)
    return share
