import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.data.dataset.dataset import Split
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.frontier.security.gain import log_odds
from cartograd.frontier.security.hotflip import hotflip
from tests.frontier.security.support import right, share

WORDS, LENGTH = 40, 20
TEXT = Port("text", "text", ("t",), "int64", (0, WORDS - 1), padding_id=0)
MOOD = Port("mood", "label", (2,), labels=("bad", "good"))


class Reader(nn.Module):
    """Vectors, their mean over what is no padding, and a layer behind it."""

    def __init__(self, words=WORDS):
        super().__init__()
        self.vectors = nn.Embedding(words, 12, padding_idx=0)
        self.layers = nn.Sequential(nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 2))

    def forward(self, tokens):
        there = (tokens != 0)[..., None]
        return self.layers((self.vectors(tokens) * there).sum(1) / there.sum(1).clamp(min=1))


@pytest.fixture(scope="module")
def read():
    """A reader that has learned whether more of the first 10 words than of the last 10 come up."""
    torch.manual_seed(0)
    x = torch.randint(1, WORDS, (500, LENGTH))
    x[torch.arange(500) % 3 == 0, 15:] = 0
    y = ((x > WORDS - 10).sum(1) > ((x > 0) & (x <= 10)).sum(1)).long()
    model = sign(Reader(), Signature((TEXT,), (MOOD,)))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(80):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[:400]), y[:400]).backward()
        optimizer.step()
    optimizer.zero_grad()
    model.eval()
    assert share(model, x[400:], y[400:]) > 0.85
    return model, x[400:], y[400:]


@pytest.mark.law("hotflip")
def test_a_few_words_turn_answers(read):
    """Accuracy falls by 30 points and more, by no more than 15 of 100 tokens."""
    model, x, y = read
    found = hotflip(model, x, y)
    swapped = (found != x).sum(1)
    assert (swapped <= (0.15 * (x != 0).sum(1)).floor().clamp(min=1)).all()
    assert ((found == 0) == (x == 0)).all()  # padding neither comes nor goes
    assert found.max() < WORDS
    assert torch.equal(found[~right(model, x, y)], x[~right(model, x, y)])
    by_chance = x.clone()
    generator = torch.Generator().manual_seed(0)
    for row, count in enumerate(swapped.tolist()):
        places = torch.randperm(int((x[row] != 0).sum()), generator=generator)[:count]
        by_chance[row, places] = torch.randint(1, WORDS, (count,), generator=generator)
    clean, noisy, standing = (share(model, text, y) for text in (x, by_chance, found))
    assert clean - standing >= 0.3
    assert noisy - standing >= 0.25
    assert hotflip(model, x, y, share=0.01).ne(x).sum(1).max() == 1


@pytest.mark.law("hotflip")
def test_swaps_are_those_of_an_exhaustive_search():
    """Of a model that is linear in its vectors the estimate is exact."""

    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.vectors = nn.Embedding(9, 2)

        def forward(self, tokens):
            return self.vectors(tokens).sum(1)

    torch.manual_seed(0)
    model = Bag().double()
    x = torch.randint(0, 9, (6, 5))
    y = model(x).argmax(1)
    model.vectors.weight.data[:, 0] *= 0.2  # so that more than one has to be swapped
    found = hotflip(model, x, y, share=0.4, trials=1)
    with torch.no_grad():
        for row in range(6):
            now, places = x[row : row + 1], set(range(5))
            for _ in range(2):
                if model(now).argmax(1) != y[row]:
                    break
                tried = [
                    (log_odds(model(changed), y[row : row + 1]).item(), place, changed)
                    for place in places
                    for word in range(9)
                    for changed in [torch.cat([now[:, :place], torch.tensor([[word]]),
                                               now[:, place + 1 :]], 1)]
                ]  # fmt: skip
                gain, place, changed = max(tried, key=lambda one: one[0])
                if gain <= log_odds(model(now), y[row : row + 1]).item():
                    break
                now, places = changed, places - {place}
            torch.testing.assert_close(model(found[row : row + 1]), model(now))


def test_a_changed_text_gives_its_tokens_again():
    torch.manual_seed(0)
    texts = ["a good film", "a bad film", "good and sad", "bad, dull and long"] * 3
    tokenizer = Tokenizer.train(texts, vocabulary=290)
    port = Port("text", "text", ("t",), "int64", (0, tokenizer.vocabulary - 1), padding_id=0)
    model = sign(
        Reader(tokenizer.vocabulary), Signature((port,), (MOOD,)), tokenizer=tokenizer
    ).eval()
    x = tokenizer.batch(texts[:4])
    found = hotflip(model, x, model(x).argmax(1), share=0.5)
    assert (found != x).any()
    special = torch.tensor(sorted(tokenizer.special.values()))
    assert torch.equal(torch.isin(found, special), torch.isin(x, special))
    for row in found.tolist():
        own = [token for token in row if token != tokenizer.padding]
        assert tokenizer.encode(tokenizer.decode(own)) == own
    split = Split(x, model(x).argmax(1), model.signature)
    told = cg.robustness(model, split, method="hotflip:share=0.5")
    assert len(told.texts()) == int(told.turned.sum()) > 0
    said, before, after = told.texts()[0]
    assert said in ("bad → good", "good → bad")
    assert before in texts
    assert after not in texts


@pytest.mark.untyped
def test_numbers_are_no_tokens(judge):
    with pytest.raises(UsageError, match="hotflip swaps tokens"):
        hotflip(judge.model, judge.x, judge.y)
