"""What a policy draws: as often as it says, whatever else is in the batch."""

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.alignment.drawn import drawn, prompts_of
from cartograd.frontier.alignment.policy import tokens_of
from tests.frontier.alignment.toys import Table, asked


def gpt():
    torch.manual_seed(0)
    return build("gpt:vocabulary=9,context=16,dim=8,heads=2,depth=2,dropout=0.5").train()


@pytest.mark.law("grpo")
def test_answers_are_drawn_as_often_as_the_policy_says():
    logits = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    found = drawn(Table(logits), [[0]], generations=3000, length=2, seed=5)
    first = [answer.split()[0] for answer in found.answers]
    shares = torch.tensor([first.count(str(token)) / 3000 for token in range(3)])
    assert (shares - logits[0].softmax(0)).abs().max() < 0.03
    assert found.tokens.shape == found.labels.shape == (3000, 2)
    assert len(set(found.answers)) == 9


@pytest.mark.law("grpo")
def test_a_row_is_answered_as_by_itself_and_twice_in_other_words():
    model, prompts = gpt(), [[1, 2, 3], [4], [5, 6], [4]]
    found = drawn(model, prompts, generations=2, length=4, seed=3)
    alone = drawn(model, [[5, 6]], generations=2, length=4, seed=3)
    assert found.answers[4:6] == alone.answers
    assert found.answers[2:4] != found.answers[6:8]
    assert found.prompts[::2] == ["1 2 3", "4", "5 6", "4"]
    assert model.training


@pytest.mark.law("grpo")
def test_what_was_drawn_is_as_likely_when_it_is_learned():
    """The pass through the cache, padded at the left, and the one that learns, at the right."""
    model = gpt().double()
    found = drawn(model, [[1, 2, 3], [4]], generations=2, length=4, seed=3)
    now = tokens_of(model, found)
    model.eval()
    for row, (tokens, labels) in enumerate(zip(found.tokens, found.labels, strict=True)):
        whole = torch.cat([tokens, labels[-1:]])
        there = (labels != -100).nonzero()[:, 0]
        decoder = model.decoder(1, len(whole))
        for place in range(int(there[-1]) + 1):
            with torch.no_grad():
                logits = decoder.read(tokens[None, place : place + 1])[0, -1]
            if labels[place] != -100:
                expected = logits.log_softmax(0)[labels[place]]
                torch.testing.assert_close(now[row, place], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.law("grpo")
@pytest.mark.parametrize("spec", [
    "gpt:vocabulary=9,context=16,dim=8,heads=2,depth=2,positions=alibi",
    "llama:vocabulary=9,context=16,dim=8,heads=2,depth=2,ffn_dim=12,window=3",
    "decoder:vocabulary=9,context=16,dim=8,heads=2,kv_heads=1,head_dim=4,depth=2,ffn_dim=12",
])  # fmt: skip
def test_a_prompt_that_is_read_once_changes_no_likelihood_and_no_gradient(spec):
    torch.manual_seed(0)
    model = build(spec).double().eval()
    found = drawn(model, [[1, 2, 3, 5], [4], [6, 7]], generations=3, length=4, seed=3)
    # Of the first prompt one answer ends at once, and another is shorter than the rest.
    found.labels[0, 4:], found.labels[1, 5:] = -100, -100
    once = tokens_of(model, found)
    logits, mask = model(found.tokens), found.mask
    every = logits.log_softmax(-1).gather(2, found.labels.clamp(min=0)[..., None])[..., 0]
    own = every.where(mask, every.new_zeros(()))
    torch.testing.assert_close(once, own, rtol=1e-10, atol=1e-10)
    weight = torch.randn(mask.shape, dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad((once * weight).sum(), model.parameters()),
        torch.autograd.grad((own * weight).sum(), model.parameters()),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_prompts_end_where_the_labels_begin():
    assert prompts_of(asked([[5, 6], [7, 8]])) == [[5, 6], [7, 8]]
    labels = torch.tensor([[[-100, 7, 8], [-100, 3, -100]]])
    assert prompts_of((torch.tensor([[5, 6, 7]]), torch.tensor([[5, 6, 3]]), labels)) == [[5, 6]]


def test_refusals():
    with pytest.raises(UsageError, match="Linear does not write"):
        drawn(nn.Linear(2, 2), [[1]], generations=2, length=2, seed=0)
    ports = [Port(name, "text", ("t",), "int64", (0, 8)) for name in ("source", "target")]
    signature = Signature(tuple(ports), (Port("next", "label", ("t", 9), task="translate"),))
    model = build("seq2seq:dim=8", signature=signature)
    with pytest.raises(UsageError, match="answers sources, and here a prompt is gone on"):
        drawn(model, [[1]], generations=2, length=2, seed=0)
    with pytest.raises(UsageError, match="nothing tells where its prompt ends"):
        prompts_of((torch.ones(1, 2).long(), torch.full((1, 2), -100)))
    with pytest.raises(UsageError, match="rows of tokens with labels"):
        prompts_of((torch.ones(1, 2), torch.ones(1).long()))
