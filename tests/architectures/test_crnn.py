"""CRNN: put together by hand, counted, and taught to read."""

import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.crnn import CRNN
from cartograd.architectures.decoding.ctc import greedy
from cartograd.core.errors import UsageError
from cartograd.training.objectives.ctc import CTC


def by_hand(own, x):
    """The layers one after another, with torch's own LSTMs."""
    layers = list(own.features)
    pools = {2: (2, 2), 5: (2, 2), 10: (2, 1), 17: (2, 1)}
    for number, layer in enumerate(layers):
        if isinstance(layer, torch.nn.Conv2d):
            padding = 0 if number == 18 else 1
            x = F.conv2d(x, layer.weight, layer.bias, padding=padding)
        elif isinstance(layer, torch.nn.BatchNorm2d):
            x = F.batch_norm(x, None, None, layer.weight, layer.bias, training=True)
        elif number in pools:
            x = F.max_pool2d(x, pools[number])
        else:
            x = F.relu(x)
    x = F.adaptive_avg_pool2d(x.permute(0, 3, 1, 2), (None, 1)).squeeze(3)
    for block in own.context:
        features, dim = block.rnn.kernel.input_size, block.rnn.kernel.hidden_size
        lstm = torch.nn.LSTM(features, dim, bidirectional=True, batch_first=True).double()
        y, _ = torch.func.functional_call(lstm, dict(block.rnn.kernel.named_parameters()), x)
        x = F.linear(y, block.linear.weight, block.linear.bias)
    return F.linear(x, own.head.weight, own.head.bias)


@pytest.mark.oracle("crnn")
def test_equal_to_its_layers_put_together_by_hand():
    torch.manual_seed(0)
    own = CRNN(classes=5, width=4, dim=6).double()
    x = torch.rand(2, 1, 40, 33).double()
    ours, theirs = own(x), by_hand(own, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    weight = torch.randn_like(ours)
    learned = list(own.parameters())
    one = torch.autograd.grad((ours * weight).sum(), learned)
    two = torch.autograd.grad((theirs * weight).sum(), learned)
    for mine, reference in zip(one, two, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-10)


@pytest.mark.paper("crnn")
def test_parameters():
    with torch.device("meta"):
        assert sum(p.numel() for p in CRNN().parameters()) == PARAMETERS


PARAMETERS = 3_781_345


def bars(rows):
    """Pictures of three bars of four heights, and which heights they are."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (rows, 3), generator=draw)
    x = torch.zeros(rows, 1, 32, 42)
    for row in range(rows):
        for place, label in enumerate(labels[row].tolist()):
            x[row, 0, : 8 + 8 * label, 4 + 13 * place : 10 + 13 * place] = 1
    return x, labels + 1


@pytest.mark.law("crnn")
def test_it_learns_to_read():
    torch.manual_seed(0)
    objective = CTC(model=CRNN(classes=5, width=4, dim=24))
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-2)
    x, targets = bars(64)
    for _ in range(130):
        (loss,) = objective.losses((x, targets))
        optimizer.zero_grad()
        ((loss.value * loss.weight).sum() / loss.weight.sum()).backward()
        optimizer.step()
    objective.eval()
    (loss,) = objective.losses((x, targets))
    assert loss.metrics["accuracy"].mean() > 0.95
    assert (
        sum(a == b for a, b in zip(greedy(objective.model(x)), targets.tolist(), strict=True)) > 60
    )


def test_a_picture_that_is_too_small_is_refused():
    with pytest.raises(UsageError, match="100 x 31 pixels is too small"):
        CRNN(classes=5, width=4, dim=6)(torch.zeros(1, 1, 31, 100))
