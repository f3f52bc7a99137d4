import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.architectures.decoding.beam import beam_search
from cartograd.architectures.seq2seq.encoder_decoder import EncoderDecoder
from cartograd.core.build import build
from cartograd.core.errors import UsageError

FORMS = ["none", "additive", "dot", "scaled", "general", "concat"]
SOURCE = torch.tensor([[3, 5, 8, 2, 0], [4, 1, 0, 0, 0], [7, 7, 6, 5, 4]])
TARGET = torch.tensor([[1, 4, 2, 6], [1, 9, 8, 0], [1, 3, 0, 0]])


def made(attention="general", cell="gru", **args):
    torch.manual_seed(0)
    given = {"vocabulary": 9, "classes": 10, "padding_id": 0, "dim": 6} | args
    return build("seq2seq", attention=attention, cell=cell, **given).double().eval()


def same(a, b, tolerance=1e-10):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


def one_cell(cell, kernel):
    """Torch's own cell with the weights of a layer."""
    kinds = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
    found = kinds[cell](kernel.input_size, kernel.hidden_size).double()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        found._parameters[name] = kernel._parameters[f"{name}_l0"]
    return found


def written_out(model, cell, source, target):
    """One pair of rows, the papers' formulas one step at a time; weights of attention too."""
    x = F.embedding(source, model.steps.embedding.weight)[None]
    kernel = model.encoder.kernel
    memory = kernel(x)[0][0]
    half = memory.shape[1] // 2
    ends = torch.cat([memory[-1, :half], memory[0, half:]])
    first = model.bridge(ends).tanh()
    state = first.chunk(2) if cell == "lstm" else first
    step, found, looked = one_cell(cell, model.writer.kernel), [], []
    for token in target:
        y = F.embedding(token, model.embedding.weight, padding_idx=0)
        h = state[0] if cell == "lstm" else state
        if model.attention is None:
            state = step(y, state)
            found.append(model.head(state[0] if cell == "lstm" else state))
            continue
        if not model.looks_first:
            state = step(y, state)
            h = state[0] if cell == "lstm" else state
        fits = model.attention.fits(h[None, None], model.attention.keys(memory[None]))[0, 0]
        looked.append(fits.softmax(0))
        context = looked[-1] @ memory
        if model.looks_first:
            state = step(torch.cat([y, context]), state)
            h = state[0] if cell == "lstm" else state
        found.append(model.head(model.mixed(torch.cat([context, h])).tanh()))
    return torch.stack(found), looked


@pytest.mark.oracle("seq2seq")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_equals_the_formulas_step_by_step(form, cell):
    model = made(form, cell)
    lengths = [4, 2, 5]
    rows = [written_out(model, cell, SOURCE[i, :n], TARGET[i])[0] for i, n in enumerate(lengths)]
    found, expected = model(SOURCE, TARGET), torch.stack(rows)
    same(found, expected)
    weights = [*model.parameters()]
    wanted = torch.autograd.grad(expected.square().sum(), weights)
    for a, b in zip(torch.autograd.grad(found.square().sum(), weights), wanted, strict=True):
        same(a, b, 1e-9)


@pytest.mark.law("seq2seq")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("both", [True, False])
def test_a_padded_batch_equals_its_rows_one_by_one(form, both):
    model = made(form, "lstm", depth=2, bidirectional=both)
    whole = model(SOURCE, TARGET)
    for row, (s, t) in enumerate([(4, 4), (2, 3), (5, 2)]):
        alone = model(SOURCE[row : row + 1, :s], TARGET[row : row + 1, :t])
        same(whole[row : row + 1, :t], alone)


@pytest.mark.law("seq2seq")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_writing_token_by_token(form, cell):
    model = made(form, cell, depth=2)
    decoder = model.decoder(SOURCE, 4)
    parts = [decoder.read(TARGET[:, :1]), decoder.read(TARGET[:, 1:])]
    same(torch.cat(parts, 1), model(SOURCE, TARGET))
    rows = torch.tensor([2, 0, 0, 1])
    decoder.reorder(rows)
    for length in (3, 1):
        decoder.rewind(length)
        assert decoder.length == length
        found = decoder.read(TARGET[rows, length:])
        same(found, model(SOURCE[rows], TARGET[rows])[:, length:])
        decoder.rewind(3)


def test_the_last_layers_state_is_what_asks():
    model = made("additive", depth=2)
    states = model.begin(SOURCE)
    top = states[0][-1][:, None]
    fits = model.attention.fits(top, states[2][0]).masked_fill(~states[3][0][:, None], -torch.inf)
    same(model.alignment(SOURCE, TARGET)[:, :1], fits.softmax(2))


@pytest.mark.parametrize("form", FORMS[1:])
def test_weights_of_attention(form):
    model = made(form)
    weights = model.alignment(SOURCE, TARGET)
    same(weights.sum(2), torch.ones(3, 4).double())
    assert not weights[SOURCE[:, None].expand(-1, 4, -1) == 0].any()
    for row, length in enumerate((4, 2, 5)):
        _, looked = written_out(model, "gru", SOURCE[row, :length], TARGET[row])
        same(weights[row, :, :length], torch.stack(looked))


def test_a_plain_model_has_no_attention_to_show():
    with pytest.raises(UsageError, match="attention=general"):
        made("none").alignment(SOURCE, TARGET)


def test_teacher_forcing():
    model = made("additive", teacher_forcing=0.0)
    same(model(SOURCE, TARGET), made("additive")(SOURCE, TARGET))  # not in evaluation
    model.train()
    other = TARGET.clone()
    other[:, 1:] = 5
    own = model(SOURCE, TARGET)
    same(own, model(SOURCE, other))
    tokens = TARGET[:, :1]
    for _ in range(3):
        tokens = torch.cat([tokens, made("additive")(SOURCE, tokens)[:, -1:].argmax(2)], 1)
    same(own, made("additive")(SOURCE, tokens))
    half = made("additive", teacher_forcing=0.5).train()
    torch.manual_seed(0)
    assert len({half(SOURCE, TARGET)[0, -1, 0].item() for _ in range(20)}) > 1
    same(
        made("additive", teacher_forcing=1.0).train()(SOURCE, TARGET),
        made("additive")(SOURCE, TARGET),
    )


def test_a_new_model_with_attention_begins_with_the_decoders_state():
    own = made("general", dim=64).mixed.weight[:, 64:].diagonal()
    assert own.min() > 0.8


def test_bad_arguments_are_refused():
    with pytest.raises(UsageError, match="halved"):
        EncoderDecoder(vocabulary=9, classes=9, dim=7)
    with pytest.raises(UsageError, match="additive"):
        EncoderDecoder(vocabulary=9, classes=9, attention="additiv")


@pytest.mark.law("seq2seq")
@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.5])
@pytest.mark.parametrize("form", ["none", "additive", "general"])
def test_a_wide_beam_finds_what_trying_all_answers_finds(form, penalty):
    begin, stop, length = 1, 2, 4
    model = made(form, classes=4, padding_id=None)
    for weight in model.parameters():
        nn.init.normal_(weight)
    source = torch.tensor([[3, 5, 8], [4, 1, 6]])
    answers = [
        one
        for n in range(1, length + 1)
        for one in itertools.product(range(4), repeat=n)
        if stop not in one[:-1] and (one[-1] == stop or n == length)
    ]
    best = []
    for row in source:
        scores = {}
        for one in answers:
            logits = model(row[None], torch.tensor([[begin, *one[:-1]]]))[0]
            own = logits.log_softmax(1).gather(1, torch.tensor(one)[:, None])
            scores[one] = own.sum().item() / len(one) ** penalty
        best.append(max(scores, key=scores.__getitem__))
    found = beam_search(
        model.decoder(source, length + 1),
        torch.full((2, 1), begin),
        length=length,
        beams=4**length,
        length_penalty=penalty,
        stop=(stop,),
    )
    assert [tuple(row[0].tokens) for row in found] == best
