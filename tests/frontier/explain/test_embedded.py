"""Models of tokens are explained at their embedding: captum's layer method is the oracle."""

import pytest
import torch
from torch import nn

from cartograd.architectures.rnn.lstm import LSTM
from cartograd.architectures.transformer.decoder_classifier import DecoderClassifier
from cartograd.core.errors import UsageError
from cartograd.frontier.explain import integrated_gradients as method
from cartograd.frontier.explain.embedded import looked_up
from cartograd.frontier.explain.integrated_gradients import completeness_gap, integrated_gradients
from tests.reference import Reference

captum = Reference("captum.attr")
transformers = Reference("transformers")


class Logits(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens):
        return self.model(tokens, attention_mask=(tokens != 0).long()).logits


def bert():
    config = transformers.BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=24, num_labels=3, max_position_embeddings=16,
    )  # fmt: skip
    model = Logits(transformers.BertForSequenceClassification(config))
    return model, model.model.bert.embeddings.word_embeddings


def lstm():
    model = LSTM(classes=3, vocabulary=30, padding_id=0, dim=12)
    return model, model.steps.embedding


def gpt():
    decoder = "gpt:context=16,dim=16,heads=2,depth=2,dropout=0.0"
    model = DecoderClassifier(decoder=decoder, classes=3, vocabulary=30, padding_id=0)
    return model, model.decoder.tokens


MODELS = {"bert": bert, "gpt": gpt, "lstm": lstm}


def texts():
    tokens = torch.randint(1, 30, (4, 9), generator=torch.Generator().manual_seed(1))
    tokens[1, 6:] = 0
    return tokens


@pytest.mark.oracle("integrated_gradients")
@pytest.mark.parametrize("name", MODELS)
def test_captum_at_the_embedding(name, monkeypatch):
    exact = method._gauss_legendre

    def like_captum(steps):  # it rounds the weights of the integral to single precision
        nodes, weights = exact(steps)
        return nodes, weights.astype("float32").astype("float64")

    monkeypatch.setattr(method, "_gauss_legendre", like_captum)
    model, table = MODELS[name]()
    model, tokens = model.double().eval(), texts()
    target = torch.tensor([0, 1, 2, 0])
    reference = captum.LayerIntegratedGradients(model, table)
    expected = reference.attribute(tokens, torch.full_like(tokens, 3), target=target, n_steps=8)
    found = integrated_gradients(model, tokens, target=target, steps=8, baseline=3)
    assert found.shape == tokens.shape
    torch.testing.assert_close(found, expected.sum(-1).detach(), rtol=0, atol=1e-10)
    assert found.abs().max() > 1e-4


@pytest.mark.law("integrated_gradients")
@pytest.mark.parametrize("rows", [None, 3])
def test_the_tokens_add_up_to_the_change_from_no_text(rows):
    model, tokens = lstm()[0].double().eval(), texts()
    found = integrated_gradients(model, tokens, target=1, batch_size=rows)
    gap = completeness_gap(model, tokens, found, target=1)
    torch.testing.assert_close(gap, torch.zeros(4, dtype=gap.dtype), rtol=0, atol=1e-8)
    assert (found[1, 6:] == 0).all()  # padding has no say


def test_an_embedding_is_found_by_what_it_is_asked():
    model, table = bert()
    assert looked_up(model, texts()) is table  # not that of positions or types


def test_what_looks_up_no_tokens_is_refused():
    class Counted(nn.Module):
        def forward(self, tokens):
            return nn.functional.one_hot(tokens, 30).sum(1).float()

    with pytest.raises(UsageError, match=r"in no nn\.Embedding"):
        integrated_gradients(Counted(), texts())
    with pytest.raises(UsageError, match="is none for tokens"):
        integrated_gradients(lstm()[0], texts(), baseline="mean")
    with pytest.raises(UsageError, match=r"the baseline is of shape \(3,\)"):
        integrated_gradients(lstm()[0], texts(), baseline=torch.zeros(3))
