from functools import partial

import pytest
import torch
from torch import nn

from cartograd.architectures.rnn import gru, lstm, vanilla
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature

CELLS = {"rnn": (vanilla, nn.RNN), "lstm": (lstm, nn.LSTM), "gru": (gru, nn.GRU)}
COUNTS = {"rnn": (91_648, 577_536), "lstm": (366_592, 2_310_144), "gru": (274_944, 1_732_608)}
SHAPES = [(1, False), (2, False), (1, True), (2, True)]


def pair(name, depth=1, bidirectional=False):
    """Ours and torch's own module with the same weights."""
    torch.manual_seed(0)
    source, torchs = CELLS[name]
    ours = source.recurrence(5, 4, depth=depth, bidirectional=bidirectional).double()
    theirs = torchs(5, 4, depth, batch_first=True, bidirectional=bidirectional).double()
    theirs.load_state_dict(ours.kernel.state_dict())
    return ours, theirs


def same(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


def gradients(y, x, module):
    weights = [x, *module.parameters()]
    draw = torch.Generator().manual_seed(3)
    return torch.autograd.grad((y * torch.randn(y.shape, generator=draw).to(y)).sum(), weights)


@pytest.mark.oracle("rnn", "lstm", "gru")
@pytest.mark.parametrize("name", list(CELLS))
@pytest.mark.parametrize(("depth", "both"), SHAPES)
def test_equals_torch(name, depth, both):
    ours, theirs = pair(name, depth, both)
    x = torch.randn(3, 7, 5, dtype=torch.float64, requires_grad=True)
    expected, state = theirs(x)
    written, end, _ = ours.written_out(x)
    same(ours(x), expected)
    same(written, expected)
    for mine, other in zip(end, state if name == "lstm" else (state,), strict=True):
        same(mine, other)
    wanted = gradients(expected, x, theirs)
    for found in (ours(x), written):
        for a, b in zip(gradients(found, x, ours), wanted, strict=True):
            same(a, b)


@pytest.mark.oracle("rnn", "lstm", "gru")
@pytest.mark.parametrize("name", list(CELLS))
@pytest.mark.parametrize(("depth", "both"), SHAPES)
def test_rows_of_unequal_length_equal_packed_ones(name, depth, both):
    ours, theirs = pair(name, depth, both)
    x = torch.randn(4, 6, 5, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([3, 6, 1, 5])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    answer, state = theirs(packed)
    expected = nn.utils.rnn.pad_packed_sequence(answer, batch_first=True)[0]
    ends = (state[0] if name == "lstm" else state)[-2 if both else -1 :].transpose(0, 1).flatten(1)
    wanted = gradients(expected, x, theirs)
    for found in (ours(x, lengths), ours.written_out(x, lengths)[0]):
        same(found, expected)
        same(ours.last(found, lengths), ends)
        for a, b in zip(gradients(found, x, ours), wanted, strict=True):
            same(a, b)
    same(ours.ends(x, lengths), ends)
    if both:
        same(ours._packed(x, lengths), expected)


@pytest.mark.oracle("rnn", "lstm", "gru")
@pytest.mark.parametrize("name", list(CELLS))
def test_reading_goes_on_from_a_state(name):
    ours, theirs = pair(name, 2)
    x = torch.randn(3, 7, 5, dtype=torch.float64)
    first, state = ours.read(x[:, :4], ours.start(x))
    second, after = ours.read(x[:, 4:], state)
    expected, end = theirs(x)
    same(torch.cat([first, second], 1), expected)
    for mine, other in zip(after, end if name == "lstm" else (end,), strict=True):
        same(mine, other)
    same(ours.written_out(x[:, 4:], None, state)[0], second)


@pytest.mark.law("rnn", "lstm", "gru")
@pytest.mark.parametrize("name", list(CELLS))
def test_padding_and_other_rows_change_nothing(name):
    ours, _ = pair(name, 2, True)
    x, lengths = torch.randn(3, 6, 5, dtype=torch.float64), torch.tensor([2, 6, 4])
    whole = ours(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = ours(x[row : row + 1, :length])
        same(whole[row : row + 1, :length], alone)
        assert not whole[row, length:].any()
        same(ours.ends(x, lengths)[row : row + 1], ours.ends(x[row : row + 1, :length]))
    x[0, 2:] = 1e6
    same(ours(x, lengths), whole)


@pytest.mark.paper("rnn", "lstm", "gru")
@pytest.mark.parametrize("name", list(CELLS))
def test_parameters(name):
    source = CELLS[name][0]
    with torch.device("meta"):
        one, two = (
            source.recurrence(100, 256, depth=d, bidirectional=b)
            for d, b in [(1, False), (2, True)]
        )
    counts = tuple(sum(weight.numel() for weight in part.parameters()) for part in (one, two))
    assert counts == COUNTS[name]


def written(layer, x):
    return layer.written_out(x)[0]


def test_dropout_is_between_layers_only():
    x = torch.ones(1, 6, 5)
    lengths = torch.tensor([6])
    for both in (False, True):
        layer = lstm.recurrence(5, 4, depth=1, bidirectional=both, dropout=0.5)
        assert torch.equal(layer(x), layer.eval()(x))
        deep = lstm.recurrence(5, 4, depth=2, bidirectional=both, dropout=0.5)
        for call in (partial(deep, x), partial(deep, x, lengths), partial(written, deep, x)):
            deep.train()
            assert not torch.equal(call(), call())
            deep.eval()
            assert torch.equal(call(), call())


@pytest.mark.law("lstm")
def test_an_open_forget_gate_keeps_content_and_gradient():
    layer = lstm.recurrence(1, 1).double()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.kernel.bias_ih_l0.copy_(torch.tensor([-1e3, 1e3, 0.0, 1e3]))
    cell = torch.full((1, 1, 1), 0.7, dtype=torch.float64, requires_grad=True)
    _, (h, c) = layer.read(torch.randn(1, 500, 1, dtype=torch.float64), (0 * cell, cell))
    same(c, cell.detach())
    same(torch.autograd.grad(c.sum(), cell)[0], torch.ones_like(cell))
    same(h, cell.tanh().detach())


def test_a_new_lstm_remembers():
    biases = lstm.recurrence(3, 100).kernel.bias_ih_l0.chunk(4)
    assert biases[1].min() >= 0.9
    assert all(part.abs().max() <= 0.1 for part in (biases[0], biases[2], biases[3]))


@pytest.mark.law("rnn")
def test_the_gradient_of_a_vanilla_network_vanishes_with_the_lag():
    torch.manual_seed(0)
    layer, remembering = (CELLS[name][0].recurrence(5, 32).double() for name in ("rnn", "lstm"))
    x = torch.randn(8, 60, 5, dtype=torch.float64, requires_grad=True)
    by_step = torch.autograd.grad(layer.ends(x).sum(), x)[0].norm(dim=(0, 2))
    kept = torch.autograd.grad(remembering.ends(x).sum(), x)[0].norm(dim=(0, 2))
    assert by_step[-41] < 1e-6 * by_step[-1]
    assert kept[-41] > 1e-6 * kept[-1]


def hand_written_gru(x, w, *, before, kept=True):
    """The formulas, one row and one gate at a time."""
    w_x, w_h, b_x, b_h = w
    dim, rows = w_h.shape[1], []
    for row in x:
        h, states = row.new_zeros(dim), []
        for now in row:
            parts = [slice(i * dim, (i + 1) * dim) for i in range(3)]
            r, z = (torch.sigmoid(w_x[p] @ now + b_x[p] + w_h[p] @ h + b_h[p]) for p in parts[:2])
            n = parts[2]
            past = w_h[n] @ (r * h) + b_h[n] if before else r * (w_h[n] @ h + b_h[n])
            z = z if kept else 1 - z
            h = (1 - z) * torch.tanh(w_x[n] @ now + b_x[n] + past) + z * h
            states.append(h)
        rows.append(torch.stack(states))
    return torch.stack(rows)


@pytest.mark.law("gru")
def test_the_papers_gru_is_its_formula_and_another_function():
    torch.manual_seed(0)
    after = gru.recurrence(5, 4).double()
    before = gru.recurrence(5, 4, reset_after=False).double()
    before.load_state_dict(after.state_dict())
    x = torch.randn(2, 6, 5, dtype=torch.float64)
    weights = [weight.detach() for weight in after.parameters()]
    same(after(x), hand_written_gru(x, weights, before=False))
    same(before(x), hand_written_gru(x, weights, before=True))
    assert (after(x) - before(x)).abs().max() > 1e-3
    y, state = before.read(x[:, :3], before.start(x))
    same(torch.cat([y, before.read(x[:, 3:], state)[0]], 1), before(x))


@pytest.mark.law("gru")
def test_signs_of_the_update_gate_turn_one_convention_into_the_other():
    """h = (1 - z) h' + z n is the same function with W_z, U_z and their biases negated."""
    torch.manual_seed(0)
    layer = gru.recurrence(5, 4).double()
    weights = [weight.detach().clone() for weight in layer.parameters()]
    for weight in weights:
        weight[4:8] *= -1
    x = torch.randn(2, 6, 5, dtype=torch.float64)
    same(layer(x), hand_written_gru(x, weights, before=False, kept=False))


@pytest.mark.place("rnn/lstm")
@pytest.mark.parametrize("name", list(CELLS))
def test_gates_explain_the_states(name):
    ours, _ = pair(name, 2, True)
    x, lengths = torch.randn(2, 6, 5, dtype=torch.float64), torch.tensor([6, 4])
    y, _, seen = ours.written_out(x, lengths)
    assert len(seen) == 4
    for gates in seen:
        assert all(gate.shape == (2, 6, 4) for gate in gates.values())
    same(torch.cat([seen[2]["state"], seen[3]["state"]], 2)[0], y[0])
    if name == "lstm":
        for gates, order in zip(seen[:2], (1, -1), strict=True):
            cell = gates["cell"][0] if order == 1 else gates["cell"][0].flip(0)
            before = torch.cat([torch.zeros_like(cell[:1]), cell[:-1]])
            keep, let, new = (
                gates[k][0] if order == 1 else gates[k][0].flip(0)
                for k in ("forget", "input", "candidate")
            )
            same(keep * before + let * new, cell)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "gru-2014"])
def test_images_are_read_row_by_row(name):
    image = Port("image", "image", (2, 4, 4), "float32", (0.0, 1.0))
    signature = Signature((image,), (Port("class", "label", (3,)),))
    model = build(name, signature=signature, dim=6).eval()
    x = torch.rand(5, 2, 4, 4)
    rows = torch.stack([torch.cat([image[0, i], image[1, i]]) for image in x for i in range(4)])
    expected = model.model.head(model.model.memory(rows.reshape(5, 4, 8))[:, -1])
    torch.testing.assert_close(model(x), expected)


def test_padded_tokens_equal_shorter_rows():
    model = build("lstm", vocabulary=9, padding_id=0, classes=3, dim=6, bidirectional=True).eval()
    tokens = torch.tensor([[3, 5, 8, 0, 0], [1, 2, 3, 4, 5]])
    torch.testing.assert_close(model(tokens)[:1], model(tokens[:1, :3]))
    assert model(torch.zeros(1, 3, dtype=torch.int64)).isfinite().all()


def test_a_model_without_a_described_input_is_refused():
    with pytest.raises(UsageError, match="give vocabulary="):
        build("gru", classes=2)
