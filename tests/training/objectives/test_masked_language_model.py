import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.architectures.transformer.bert import BERT
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.accumulation import shares
from cartograd.training.objectives.masked_language_model import MaskedLanguageModel, masked

N = 200_000


@pytest.mark.law("masked-language-model")
def test_shares_of_what_happens_to_words():
    tokens = torch.randint(4, 1000, (N // 100, 100))
    tokens[:, 90:] = 0
    changed, chosen = masked(tokens, mask_id=2, vocabulary=1000, seed=5, fixed=(0, 1, 2))
    free = tokens != 0
    assert not chosen[~free].any()
    assert torch.equal(changed[~chosen], tokens[~chosen])
    near = {"abs": 0.005}
    assert chosen[free].double().mean().item() == pytest.approx(0.15, **near)
    hidden, kept = changed == 2, changed == tokens
    for what, share in ((hidden, 0.8), (kept, 0.1), (~hidden & ~kept, 0.1)):
        assert what[chosen].double().mean().item() == pytest.approx(share, abs=0.01)
    random = changed[chosen & ~hidden & ~kept]
    assert len(random.unique()) > 900, "any token may take a word's place"
    assert chosen[:, :90].double().mean(0).std() < 0.012, "no place is preferred"


@pytest.mark.law("masked-language-model")
def test_draws_are_of_the_step_and_the_row():
    tokens = torch.randint(4, 50, (6, 30))
    one = masked(tokens, mask_id=2, vocabulary=50, seed=1)
    again = masked(tokens[2:4], mask_id=2, vocabulary=50, seed=1)
    assert all(torch.equal(x[2:4], y) for x, y in zip(one, again, strict=True))
    other = masked(tokens, mask_id=2, vocabulary=50, seed=2)
    assert not torch.equal(one[1], other[1])
    assert not torch.equal(one[1][0], one[1][1]), "rows differ"


def reader():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(50, 6), nn.Tanh(), nn.Linear(6, 50)).double()


@pytest.mark.law("masked-language-model")
def test_only_chosen_positions_count():
    model, tokens = reader(), torch.randint(4, 50, (6, 30))
    objective = MaskedLanguageModel(model=model, mask_id=2, vocabulary=50)
    torch.manual_seed(7)
    (loss,) = objective.losses((tokens, tokens))
    changed, chosen = masked(tokens, mask_id=2, vocabulary=50, seed=7, fixed=(2,))
    theirs = F.cross_entropy(model(changed)[chosen], tokens[chosen])
    torch.testing.assert_close((loss.value * shares(loss)).sum(), theirs, rtol=1e-10, atol=1e-12)


class Whole(nn.Module):
    """A model whose `forward` takes the texts alone."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, tokens):
        return self.inner(tokens)


@pytest.mark.law("masked-language-model")
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_logits_of_the_chosen_alone_teach_the_same(share):
    torch.manual_seed(0)
    bert = BERT(vocabulary=50, context=16, dim=8, heads=2, depth=1, dropout=0.0).double()
    computed = []
    bert.masked.register_forward_hook(lambda _, __, logits: computed.append(logits.shape))
    tokens = torch.randint(4, 50, (3, 16))
    tokens[1, 9:] = 0
    found = []
    for training in (True, False):
        for model in (bert, Whole(bert)):
            given = {"mask_id": 2, "vocabulary": 50, "mlm_probability": share}
            objective = MaskedLanguageModel(model=model, **given).train(training)
            objective.fixed = (0, 2)
            torch.manual_seed(3)
            (loss,) = objective.losses((tokens, tokens))
            right = loss.metrics.get("accuracy", torch.zeros(0))
            mean = (loss.value * shares(loss)).sum()
            wrt = [*bert.parameters()]
            slopes = torch.autograd.grad(mean, wrt, allow_unused=True, materialize_grads=True)
            found.append((loss.value * loss.weight, loss.weight, right, *slopes))
    for ours, theirs in zip(found[::2], found[1::2], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    chosen = int(found[0][1].sum())
    assert computed[::2] == [(chosen, 50)] * 2
    assert computed[1::2] == [(3, 16, 50)] * 2
    assert (chosen > 0) == (share > 0)


def test_other_heads_choose_no_positions():
    bert = BERT(vocabulary=50, context=16, dim=8, heads=2, depth=1, head="tag")
    with pytest.raises(UsageError, match="head='tag' has no logits of tokens"):
        bert(torch.ones(1, 4, dtype=torch.long), where=torch.ones(1, 4, dtype=torch.bool))


@pytest.mark.law("masked-language-model")
def test_each_step_of_a_run_hides_other_words():
    seen = []
    model, batch = reader(), (torch.randint(4, 50, (6, 30)), torch.zeros(6))
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    objective = MaskedLanguageModel(model=model, mask_id=2, vocabulary=50)
    runs = []
    for _ in range(2):
        fit(objective, [batch], optimizers="sgd:lr=0.0", epochs=2, device="cpu")
        runs.append(seen[-2:])  # its steps, after the rehearsal
    assert not torch.equal(*runs[0])
    assert torch.equal(runs[0][0], runs[1][0]), "the same run hides the same words"
    assert torch.equal(runs[0][1], runs[1][1])


@pytest.mark.parametrize("args", [{}, {"mask_id": 3}, {"mask_id": 60, "vocabulary": 50}])
def test_what_hides_a_token_has_to_be_known(args):
    with pytest.raises(UsageError, match="expected the token that hides others"):
        MaskedLanguageModel(model=reader(), **args)
