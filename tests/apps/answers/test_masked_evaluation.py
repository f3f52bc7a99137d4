"""A model that fills gaps is measured on words that it does not see."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.answers.masked_evaluation import masked_examples
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Split
from cartograd.data.text.tokenizer import Tokenizer

SIZE = 60


class Copies(nn.Module):
    """Answers with the token that it reads."""

    def forward(self, tokens):
        return nn.functional.one_hot(tokens, SIZE).float() * 20


def signed(task="masked-token", roles=("padding", "unknown", "begin", "end", "mask")):
    words = [f"<{role}>" for role in roles]
    words += [f"w{number}" for number in range(SIZE - len(words))]
    model = {"type": "WordLevel", "vocab": {w: i for i, w in enumerate(words)}, "unk_token": "w1"}
    tokenizer = Tokenizer({"model": model}, special={role: i for i, role in enumerate(roles)})
    text = Port("text", "text", ("t",), "int64", (0, SIZE - 1), padding_id=0)
    signature = Signature((text,), (Port("token", "label", ("t", SIZE), task=task),))
    return Signed(Copies(), signature, tokenizer=tokenizer)


def texts(signature):
    tokens = torch.randint(5, SIZE, (400, 30), generator=torch.Generator().manual_seed(0))
    tokens[:, 25:] = 0
    return Split(tokens, tokens.masked_fill(tokens == 0, -100), signature)


def test_to_copy_is_not_to_understand():
    """Of the hidden words 10 % stay as they are, and 10 % become any word."""
    model = signed()
    found = cg.evaluate(model, texts(model.signature))
    assert found.metrics["accuracy"] == pytest.approx(0.1, abs=0.03)
    assert found.examples == pytest.approx(0.15 * 400 * 25, rel=0.1)
    again = cg.evaluate(model, texts(model.signature))
    assert again.metrics == found.metrics


def test_only_words_are_hidden():
    model = signed()
    whole = texts(model.signature)
    gaps = masked_examples(model, whole)
    hidden = gaps.targets >= 0
    assert torch.equal(gaps.inputs[~hidden], whole.inputs[~hidden])
    assert torch.equal(gaps.targets[hidden], whole.targets[hidden])
    assert hidden.float().mean().item() == pytest.approx(0.15 * 25 / 30, abs=0.01)


@pytest.mark.parametrize(
    "model", [signed("tag"), signed(roles=("padding", "unknown", "begin", "end"))]
)
def test_other_models_read_whole_texts(model):
    whole = texts(model.signature)
    assert masked_examples(model, whole) is whole
    assert cg.evaluate(model, whole).metrics["accuracy"] == 1
