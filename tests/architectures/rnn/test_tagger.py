import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError


@pytest.mark.oracle("tagger")
def test_equals_torchs_parts_on_packed_rows():
    model = build("tagger", vocabulary=9, padding_id=0, classes=3, dim=6, depth=2).double()
    lstm = nn.LSTM(6, 6, 2, batch_first=True, bidirectional=True).double()
    lstm.load_state_dict(model.memory.kernel.state_dict())
    tokens, lengths = torch.tensor([[3, 5, 8, 0], [1, 2, 3, 4]]), torch.tensor([3, 4])
    x = F.embedding(tokens, model.steps.embedding.weight)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    y = nn.utils.rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True)[0]
    expected = F.linear(y, model.head.weight, model.head.bias)
    found = model(tokens)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    weights = [model.steps.embedding.weight, model.head.weight]
    own = torch.autograd.grad(found.square().sum(), [*weights, *model.memory.parameters()])
    theirs = torch.autograd.grad(expected.square().sum(), [*weights, *lstm.parameters()])
    for a, b in zip(own, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.law("tagger")
def test_only_two_ways_see_what_comes_after():
    """The tag of a token is the next token's parity."""
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, 9, (64, 8), generator=draw)
    tags = tokens.roll(-1, 1) % 2
    right = {}
    for name in ("bilstm-tagger", "lstm-tagger"):
        torch.manual_seed(0)
        model = build(name, vocabulary=9, classes=2, dim=16)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(60):
            optimizer.zero_grad()
            F.cross_entropy(
                model(tokens[:32])[:, :-1].flatten(0, 1), tags[:32, :-1].flatten()
            ).backward()
            optimizer.step()
        found = model(tokens[32:]).argmax(2) == tags[32:]
        right[name] = found[:, :-1].float().mean().item()
    assert right["bilstm-tagger"] > 0.99
    assert right["lstm-tagger"] < 0.7


def test_dropout_is_in_training_only():
    model = build("tagger", vocabulary=9, classes=3, dim=6, dropout=0.5)
    tokens = torch.arange(8).reshape(2, 4)
    assert not torch.equal(model(tokens), model(tokens))
    model.eval()
    assert torch.equal(model(tokens), model(tokens))


def test_an_unknown_cell_names_the_nearest():
    with pytest.raises(UsageError, match="lstm"):
        build("tagger", vocabulary=9, classes=3, cell="lstn")
