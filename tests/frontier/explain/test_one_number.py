"""Next tokens and similarities of texts, explained token by token."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.explain_target import class_of
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.frontier.explain import integrated_gradients as method
from cartograd.frontier.explain.integrated_gradients import integrated_gradients
from cartograd.frontier.explain.one_number import NextToken, Similarity
from tests.reference import Reference

captum = Reference("captum.attr")
BYTES = Tokenizer.bytes(special=True)
TEXT = Port("text", "text", ("t",), "int64", (0, 258), padding_id=256)


GPT = "gpt:context=32,dim=16,heads=2,depth=2,dropout=0.0,vocabulary=259"
LLAMA = "llama:dim=16,heads=2,kv_heads=1,ffn_dim=24,depth=2,vocabulary=259"


def language_model(spec=GPT):
    torch.manual_seed(0)
    answer = Port("next", "label", ("t", 259), task="next-token")
    made = build(spec)
    return sign(made, Signature((TEXT,), (answer,)), tokenizer=BYTES).double().eval()


class Pooled(nn.Module):
    """The mean of what a layer makes of each token that is there."""

    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(259, 12), nn.Linear(12, 6)

    def forward(self, tokens):
        there = (tokens != 256)[..., None]
        return (self.layer(self.table(tokens)).tanh() * there).sum(1) / there.sum(1)


def encoder():
    torch.manual_seed(0)
    answer = Port("vector", "vector", (6,), task="embed")
    return sign(Pooled(), Signature((TEXT,), (answer,)), tokenizer=BYTES).double().eval()


def rows(*texts):
    return BYTES.rows([BYTES.encode(text, special=False) for text in texts])


@pytest.fixture
def rounded(monkeypatch):
    """The integral's weights in single precision, as captum has them."""
    exact = method._gauss_legendre

    def rough(steps):
        nodes, weights = exact(steps)
        return nodes, weights.astype("float32").astype("float64")

    monkeypatch.setattr(method, "_gauss_legendre", rough)


@pytest.mark.oracle("integrated_gradients")
@pytest.mark.usefixtures("rounded")
def test_the_next_token_is_captums_of_the_last_position():
    model, texts = language_model(), rows("the cat", "a")
    table = next(part for part in model.modules() if isinstance(part, nn.Embedding))
    found = cg.explain(model, texts, target="s", method="integrated_gradients:steps=8")
    for row, length in ((0, 7), (1, 1)):  # a text alone, without padding
        alone = texts[row : row + 1, :length]

        def last(tokens):
            return model(tokens)[:, -1]

        reference = captum.LayerIntegratedGradients(last, table)
        expected = reference.attribute(alone, target=ord("s"), n_steps=8)

        ours = integrated_gradients(NextToken(model), alone, target=ord("s"), steps=8, baseline=0)
        torch.testing.assert_close(ours, expected.sum(-1).detach(), rtol=0, atol=1e-10)
        own = integrated_gradients(NextToken(model), alone, target=ord("s"), steps=8)
        torch.testing.assert_close(found[row, :length], own[0], rtol=0, atol=1e-9)
    assert (found[1, 1:] == 0).all()


@pytest.mark.law("integrated_gradients")
def test_a_pair_is_explained_to_the_figure_that_is_shown():
    model, texts = encoder(), rows("a dog barks", "a hound", "rain")
    found = cg.explain(model, texts, method="integrated_gradients:steps=128")
    with torch.no_grad():
        vectors = nn.functional.normalize(model(texts), dim=1)
        nothing = nn.functional.normalize(model.model.layer.bias.tanh(), dim=0)
    change = [(vectors[i] - nothing) @ vectors[j] for i, j in ((0, 1), (1, 0), (2, 0))]
    torch.testing.assert_close(found.sum(1), torch.stack(change), rtol=0, atol=1e-5)
    shown = cg.explanation(model, ["a dog barks", "a hound", "rain"])
    near = [
        answer["similarity"] for answer in cg.predict(model, ["a dog barks", "a hound", "rain"])
    ]
    assert shown.titles == (
        f"similarity to the second {near[1]:.3f}",
        *(f"to the first {one:.3f}" for one in near[1:]),
    )


def test_what_cannot_be_explained_is_said():
    model = language_model()
    assert (class_of(model, "s"), class_of(model, 7)) == (ord("s"), 7)
    with pytest.raises(UsageError, match=r"'at' is 2 tokens of this model \('a', 't'\)"):
        cg.explain(model, "the c", target="at")
    with pytest.raises(UsageError, match="class 900 is out of range"):
        cg.explain(model, "the c", target=900)
    with pytest.raises(UsageError, match="give two or more texts"):
        cg.explain(encoder(), "alone")
    with pytest.raises(UsageError, match="target=3 is a class"):
        cg.explain(encoder(), ["a", "b"], target=3)
    with pytest.raises(UsageError, match="give one that pools its tokens"):
        Similarity(language_model(), rows("ab"))


def test_a_next_token_is_explained_by_name():
    shown = cg.explanation(language_model(), "the c", target="a")
    assert shown.titles[0].startswith("why 'a'? said ")
    assert len(shown.tokens[0]) == len("the c")
