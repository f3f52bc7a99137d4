import itertools

import pytest
import torch
from torch import nn

from cartograd.architectures.rnn.crf import Chain
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.training.objectives.crf import CRF

ROWS, STEPS, TAGS = 3, 4, 3
LENGTHS = torch.tensor([4, 2, 1])


def made(seed=0):
    torch.manual_seed(seed)
    chain = Chain(TAGS).double()
    for weight in chain.parameters():
        nn.init.normal_(weight)
    scores = torch.randn(ROWS, STEPS, TAGS, dtype=torch.float64, requires_grad=True)
    return chain, scores


def paths(chain, scores, length):
    """Every row of tags of one row of scores, with its score."""
    found = {}
    for path in itertools.product(range(TAGS), repeat=length):
        total = chain.starts[path[0]] + chain.ends[path[-1]]
        total = total + sum(scores[t, tag] for t, tag in enumerate(path))
        total = total + sum(chain.moves[a, b] for a, b in itertools.pairwise(path))
        found[path] = total
    return found


def each(chain, scores):
    return [paths(chain, row, length) for row, length in zip(scores, LENGTHS.tolist(), strict=True)]


def same(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.oracle("bilstm-crf")
def test_sum_of_all_paths():
    chain, scores = made()
    expected = torch.stack(
        [torch.stack([*one.values()]).logsumexp(0) for one in each(chain, scores)]
    )
    found = chain.log_partition(scores, LENGTHS)
    same(found, expected)
    weights = [scores, *chain.parameters()]
    wanted = torch.autograd.grad(expected.sum(), weights)
    for a, b in zip(torch.autograd.grad(found.sum(), weights), wanted, strict=True):
        same(a, b)


@pytest.mark.oracle("bilstm-crf")
@pytest.mark.parametrize("seed", range(5))
def test_best_path(seed):
    chain, scores = made(seed)
    tags, top = chain.best(scores, LENGTHS)
    for row, one in enumerate(each(chain, scores)):
        path = max(one, key=lambda key: one[key].item())
        assert tags[row].tolist() == [*path, *[0] * (STEPS - len(path))]
        same(top[row], one[path])


@pytest.mark.oracle("bilstm-crf")
def test_marginals():
    chain, scores = made()
    found = chain.log_marginals(scores, LENGTHS)
    for row, one in enumerate(each(chain, scores)):
        total = torch.stack([*one.values()]).logsumexp(0)
        for t, tag in itertools.product(range(int(LENGTHS[row])), range(TAGS)):
            some = torch.stack([score for path, score in one.items() if path[t] == tag])
            same(found[row, t, tag], some.logsumexp(0) - total)
        assert not found[row, LENGTHS[row] :].any()


@pytest.mark.oracle("crf")
def test_probability_of_tags():
    chain, scores = made()
    tags = torch.tensor([[2, 0, 1, 1], [1, 2, -100, -100], [0, -100, -100, -100]])
    expected = []
    for row, one in enumerate(each(chain, scores)):
        path = tuple(tags[row, : LENGTHS[row]].tolist())
        expected.append(torch.stack([*one.values()]).logsumexp(0) - one[path])
    found = chain.surprise(scores, tags, LENGTHS)
    same(found, torch.stack(expected))
    weights = [scores, *chain.parameters()]
    wanted = torch.autograd.grad(sum(expected), weights)
    for a, b in zip(torch.autograd.grad(found.sum(), weights), wanted, strict=True):
        same(a, b)


def test_a_tag_that_nobody_knows_may_be_any():
    chain, scores = made()
    tags = torch.tensor([[2, -100, 1, 1], [-100, 2, -100, -100], [-100] * 4])
    for row, one in enumerate(each(chain, scores)):
        known = tags[row, : LENGTHS[row]].tolist()
        fits = [
            score
            for path, score in one.items()
            if all(tag in (-100, own) for tag, own in zip(known, path, strict=True))
        ]
        expected = torch.stack([*one.values()]).logsumexp(0) - torch.stack(fits).logsumexp(0)
        same(chain.surprise(scores, tags, LENGTHS)[row], expected)
    grads = torch.autograd.grad(chain.surprise(scores, tags, LENGTHS).sum(), scores)
    assert grads[0].isfinite().all()


def test_strong_scores_stay_finite():
    chain = Chain(3)
    with torch.no_grad():
        chain.moves[0, 1] = -1e4
        chain.moves[1] = -1e4
    scores = 200 * torch.randn(4, 30, 3)
    scores.requires_grad_()
    tags = torch.randint(3, (4, 30))
    loss = chain.surprise(scores, tags, torch.tensor([30, 20, 10, 1]))
    assert loss.isfinite().all()
    grads = torch.autograd.grad(loss.sum(), [scores, *chain.parameters()])
    assert all(one.isfinite().all() for one in grads)


@pytest.mark.law("bilstm-crf")
def test_without_moves_it_is_a_softmax_at_each_token():
    scores = torch.randn(3, 4, 5, dtype=torch.float64)
    found = Chain(5).double().log_marginals(scores, torch.tensor([4, 4, 4]))
    same(found, scores.log_softmax(2))


def tokens():
    return torch.tensor([[3, 5, 8, 0], [1, 2, 3, 4]])


@pytest.mark.law("bilstm-crf")
def test_padding_changes_nothing():
    model = build("bilstm-crf", vocabulary=9, padding_id=0, classes=3, dim=6).double()
    nn.init.normal_(model.chain.moves)
    x, tags = tokens(), torch.tensor([[1, 2, 0, -100], [0, 0, 1, 2]])
    same(model(x)[:1, :3], model(x[:1, :3]))
    same(model.surprise(x, tags)[:1], model.surprise(x[:1, :3], tags[:1, :3]))
    assert torch.equal(model.best(x)[:1, :3], model.best(x[:1, :3]))


@pytest.mark.law("crf")
def test_uneven_microbatches_equal_the_full_batch():
    model = build("bilstm-crf", vocabulary=9, padding_id=0, classes=3, dim=6).double()
    objective = CRF(model=model)
    x, tags = tokens(), torch.tensor([[1, 2, 0, -100], [0, 0, 1, 2]])
    [whole] = objective.losses((x, tags))
    one = next(objective.losses((x[:1, :1], tags[:1, :1])))
    same(one.value, model.surprise(x[:1, :1], tags[:1, :1]))
    parts = [next(objective.losses((x[i : i + 1], tags[i : i + 1]))) for i in range(2)]
    total = sum((part.value * part.weight).sum() for part in parts)
    same((whole.value * whole.weight).sum() / whole.weight.sum(), total / 7)


def test_the_objective_reaches_through_the_signature():
    port = Port("text", "text", ("t",), "int64", (0.0, 8.0), padding_id=0)
    signature = Signature((port,), (Port("tag", "label", ("t", 3), task="tag"),))
    model = build("bilstm-crf", signature=signature, dim=6)
    objective = build("crf", model=model)
    x, tags = tokens(), torch.tensor([[1, 2, 0, -100], [0, 0, 1, 2]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        [loss] = objective.losses((x, tags))
        loss.value.mean().backward()
        optimizer.step()
    assert torch.equal(model.model.best(x), tags.clamp(min=0))
    assert torch.equal(model(x).argmax(2)[tags >= 0], tags[tags >= 0])


def test_a_model_without_a_chain_is_refused():
    with pytest.raises(UsageError, match="bilstm-crf"):
        CRF(model=nn.Linear(2, 2))
