"""Attacks on texts that only ask for scores."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.core.signed import sign
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.frontier.security.character_swap import character_search, character_swap, typed
from cartograd.frontier.security.synonym_swap import synonym_search, synonym_swap, synonyms
from tests.frontier.security.support import right, share
from tests.frontier.security.test_hotflip import MOOD, TEXT, WORDS, Port, Reader, Signature, read

__all__ = ["read"]  # the fixture


class Counts(torch.nn.Module):
    """A reader that counts the rows it is given, and takes no gradient."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.rows = inner, 0

    def forward(self, tokens):
        assert not torch.is_grad_enabled()
        self.rows += len(tokens)
        return self.inner(tokens)


@pytest.mark.law("synonym-swap")
def test_swaps_are_near_few_and_counted(read):
    model, x, y = read
    x, y = x[:40], y[:40]
    counts = sign(Counts(model.model), Signature((TEXT,), (MOOD,)))
    counts.model.rows = 0
    found, queries = synonym_search(counts, x, y, similarity=0.2, share=0.2)
    assert int(queries.sum()) == counts.model.rows - 1  # by one row the table is found
    swapped = found != x
    assert (swapped.sum(1) <= (0.2 * (x != 0).sum(1)).floor().clamp(min=1)).all()
    assert ((found == 0) == (x == 0)).all()
    vectors = torch.nn.functional.normalize(model.model.vectors.weight.detach(), dim=1)
    cosine = (vectors[x] * vectors[found]).sum(2)[swapped]
    assert swapped.any()
    assert cosine.min() >= 0.2
    assert found.max() < WORDS
    assert torch.equal(found[~right(model, x, y)], x[~right(model, x, y)])
    strict = synonym_swap(model, x, y, similarity=1.0)
    assert torch.equal(strict, x)
    vectors = vectors[1:]  # that of padding is 0
    table = synonyms(vectors, torch.ones(WORDS - 1, dtype=torch.bool), 3, 0.0)
    order = (vectors @ vectors.T).fill_diagonal_(-2).argsort(1, descending=True)
    kept = [[t for t in row[:3].tolist() if float(vectors[i] @ vectors[t]) >= 0]
            for i, row in enumerate(order)]  # fmt: skip
    assert table == kept


@pytest.mark.law("synonym-swap")
def test_synonyms_turn_more_than_chance(read):
    model, x, y = read
    found = synonym_swap(model, x, y, share=0.2, similarity=0.0, trials=20)
    by_chance = x.clone()
    generator = torch.Generator().manual_seed(0)
    for row, count in enumerate((found != x).sum(1).tolist()):
        places = torch.randperm(int((x[row] != 0).sum()), generator=generator)[:count]
        by_chance[row, places] = torch.randint(1, WORDS, (count,), generator=generator)
    assert share(model, x, y) - share(model, found, y) >= 0.2
    assert share(model, by_chance, y) - share(model, found, y) >= 0.15


@pytest.mark.law("character-swap")
def test_one_error_in_few_words_turns_answers():
    texts = ["a good film", "a bad film", "good and long", "bad, dull and long", "a sad bad end",
             "so good an end"] * 4  # fmt: skip
    tokenizer = Tokenizer.train(texts, vocabulary=300)
    port = Port("text", "text", ("t",), "int64", (0, tokenizer.vocabulary - 1), padding_id=0)
    model = sign(Reader(tokenizer.vocabulary), Signature((port,), (MOOD,)), tokenizer=tokenizer)
    x = torch.nn.functional.pad(tokenizer.batch(texts), (0, 6))
    y = torch.tensor([int("good" in text) for text in texts])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
        for _ in range(30):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    model.eval()
    x, y = x[:6], y[:6]
    assert share(model, x, y) == 1
    counts = sign(Counts(model.model), Signature((port,), (MOOD,)), tokenizer=tokenizer)
    counts.model.rows = 0
    found, queries = character_search(counts, x, y, share=0.5)
    assert int(queries.sum()) == counts.model.rows
    assert share(model, found, y) <= 0.5
    for before, after in zip(texts, found.tolist(), strict=False):
        own = [token for token in after if token != 0]
        said, words = tokenizer.decode(own).split(" "), before.split(" ")
        assert len(said) == len(words)
        changed = [(old, new) for old, new in zip(words, said, strict=True) if old != new]
        assert len(changed) <= max(1, len(words) // 2)
        assert all(new in typed(old) for old, new in changed)


@pytest.mark.untyped
def test_numbers_are_refused():
    for attack in (synonym_swap, character_swap):
        with pytest.raises(UsageError, match="changes texts, and the inputs are torch"):
            attack(Reader(), torch.rand(2, 3).long().float(), torch.zeros(2).long())
