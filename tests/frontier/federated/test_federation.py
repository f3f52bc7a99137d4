import numpy as np
import pytest
import torch
from scipy.stats import trim_mean
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.plan import order
from cartograd.engine.loop.fit import fit
from cartograd.frontier.federated import robust
from cartograd.frontier.federated.division import alike, by_class
from cartograd.frontier.federated.fedavg import fedavg
from cartograd.frontier.federated.federation import Federation, Terms
from cartograd.frontier.federated.fedprox import fedprox
from cartograd.frontier.federated.local_steps import LocalSteps
from cartograd.frontier.federated.masks import Masks, revealed, whole
from cartograd.frontier.federated.scaffold import scaffold
from cartograd.frontier.federated.turns import turns
from cartograd.frontier.privacy.dp_fedavg import dp_fedavg
from cartograd.training.objectives.classify import Classify
from tests.frontier.federated.support import (
    ROWS,
    SIGNATURE,
    Squares,
    averaged,
    founded,
    lines,
    network,
    part,
    row,
    trained,
)

CPU = torch.device("cpu")


@pytest.mark.law("fedavg")
def test_one_step_of_each_client_is_a_step_at_one_place():
    federation = founded(alpha=0.5, lr=0.3, size=ROWS)
    assert len(set(federation.sizes.tolist())) > 2
    found, run = trained(federation)
    model = network()
    central = fit(
        Classify(model=model), part().batches(batch_size=ROWS), epochs=1, optimizer="sgd:lr=0.3"
    )
    right = nn.utils.parameters_to_vector(model.parameters()).detach()
    torch.testing.assert_close(found, right, atol=1e-12, rtol=0)
    losses = [one.history[0]["train/loss"] for one in (run, central)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert not torch.allclose(found, row(founded()), atol=1e-3)


@pytest.mark.law("fedavg")
def test_a_server_that_steps_by_sgd_is_where_the_mean_of_the_clients_is():
    federation = founded(alpha=0.5, lr=0.3, local_epochs=5)
    right = averaged(federation, steps=5, lr=0.3)
    torch.testing.assert_close(trained(federation)[0], right, atol=1e-12, rtol=0)


@pytest.mark.law("fedavg")
@pytest.mark.parametrize("make", [fedavg, fedprox, scaffold])
def test_clients_that_learn_at_once_end_where_they_end_one_by_one(make):
    found = {}
    for way in ("vmap", "alone"):
        federation = founded(
            make, network(torch.float32), 4, alpha=0.5, local_epochs=2, clients=5, share=0.8
        )
        assert federation.local.way == "vmap"
        federation.local.way = way
        found[way] = trained(federation, rounds=3)[0]
    torch.testing.assert_close(found["vmap"], found["alone"], atol=1e-6, rtol=0)


def test_the_batches_of_all_clients_are_those_of_each():
    clients = torch.arange(43).split([4, 1, 9, 29])
    table = turns(clients, [5, 6, 7, 8], size=4, epochs=3)
    assert table.shape == (4, 3 * 8, 4)
    for own, draw, rows in zip(clients, [5, 6, 7, 8], table, strict=True):
        epochs = [own[order(len(own), seed=draw, epoch=epoch)] for epoch in range(3)]
        right = [batch for epoch in epochs for batch in epoch.split(4)]
        found = [row[row >= 0] for row in rows if (row >= 0).any()]
        assert list(map(torch.Tensor.tolist, found)) == list(map(torch.Tensor.tolist, right))


def test_no_batch_is_wider_than_what_a_client_has_for_it():
    federation = founded(clients=3)
    own = [torch.arange(count) for count in (7, 6, 5)]
    table = turns(own, [0, 1, 2], size=5, epochs=1)
    found = [*federation.local._batches(table, [0, 1, 2], torch.device("cpu"))]
    assert [real.sum(1).tolist() for _, real in found] == [[5, 5, 5], [2, 1]]
    assert [tuple(x.shape[:2]) for (x, _), _ in found] == [(3, 5), (2, 2)]
    inputs = federation.local.part.inputs
    assert torch.equal(found[1][0][0][0], inputs[table[0, 1, :2]])


def test_groups_of_clients_end_where_all_at_once_do(monkeypatch):
    whole_ = trained(founded(size=4, alpha=0.5))[0]
    monkeypatch.setattr("cartograd.frontier.federated.local_steps.AT_ONCE", 8 * 53 * 2)
    torch.testing.assert_close(trained(founded(size=4, alpha=0.5))[0], whole_)


@pytest.mark.law("fedprox")
def test_without_the_pull_it_is_averaging_and_a_strong_one_holds_clients():
    given = {"alpha": 0.5, "local_epochs": 3, "size": 4}
    start, plain = row(founded()), trained(founded(**given))[0]
    assert torch.equal(trained(founded(fedprox, proximal_weight=0.0, **given))[0], plain)
    moved = [
        (trained(founded(fedprox, proximal_weight=weight, **given))[0] - start).norm()
        for weight in (0.0, 1.0, 5.0)
    ]
    assert moved[0] > 1.2 * moved[1] > 1.44 * moved[2] > 0


@pytest.mark.law("scaffold")
def test_the_server_knows_the_mean_of_the_control_variates():
    given = {"alpha": 0.5, "size": 4, "share": 0.5}
    federation, plain = founded(scaffold, **given), founded(**given)
    torch.testing.assert_close(trained(federation)[0], trained(plain)[0])
    trained(federation, rounds=4)
    shares = federation.sizes.double() / federation.sizes.sum()
    torch.testing.assert_close(federation.control, shares @ federation.controls)
    assert federation.control.norm() > 0.01


@pytest.mark.law("scaffold")
def test_control_variates_find_the_common_minimum():
    """Each client comes to its own slope in a round, so that the mean of them is not the best."""
    ends = {}
    for controlled in (False, True):
        local = LocalSteps(Squares(), lines(), size=2, epochs=5, lr=0.1)
        terms = Terms("scaffold", 1.0, robust.mean, controlled=controlled)
        clients = [torch.tensor([0, 1]), torch.tensor([2, 3])]
        federation = Federation(local, clients, terms=terms, seed=0)
        ends[controlled] = trained(federation, rounds=30)[0].item()
    assert ends[True] == pytest.approx(2.7, abs=1e-3)  # (0 + 3 x 9) / (1 + 3 x 3)
    assert abs(ends[False] - 2.7) > 0.5


@pytest.mark.oracle("scaffold")
@pytest.mark.parametrize("share", [1.0, 0.67])
def test_scaffold_is_its_algorithm_written_out(share):
    """Algorithm 1 with the second option, of clients with 2, 6 and 4 examples: 3, 9 and 6 steps."""
    x = torch.tensor([1.0] * 2 + [3.0] * 6 + [2.0] * 4).double()[:, None]
    y = torch.tensor([0.0] * 2 + [9.0] * 6 + [-2.0] * 4).double()[:, None]
    signature = Signature((Port("x", "vector", (1,)),), (Port("y", "vector", (1,)),))
    local = LocalSteps(Squares(), Split(x, y, signature), size=2, epochs=3, lr=0.05)
    terms = Terms("scaffold", share, robust.mean, controlled=True)
    clients = [torch.arange(0, 2), torch.arange(2, 8), torch.arange(8, 12)]
    federation = Federation(local, clients, terms=terms, seed=0)
    counts, steps, lr = np.array([2, 6, 4]), (3, 9, 6), 0.05
    w, c, own = 0.0, 0.0, np.zeros(3)
    for number in range(40):
        taking = federation.members(number).nonzero()[:, 0].tolist()
        ends, renewed = [], own.copy()
        for k in taking:
            at, (a, b) = w, (x[clients[k][0]].item(), y[clients[k][0]].item())
            for _ in range(steps[k]):
                at -= lr * (a * (a * at - b) - own[k] + c)
            renewed[k] = own[k] - c + (w - at) / (steps[k] * lr)
            ends.append(at - w)
        w += np.average(ends, weights=counts[taking])
        c += (counts / counts.sum()) @ (renewed - own)
        own = renewed
    ours = trained(federation, rounds=40)[0].item()
    assert ours == pytest.approx(w, abs=1e-10)
    assert federation.control.item() == pytest.approx(c, abs=1e-10)
    best = float((x * y).sum() / (x * x).sum())
    assert ours == pytest.approx(best, abs=1e-6 if share == 1 else 0.1)
    plain = Federation(local, clients, terms=Terms("fedavg", share, robust.mean), seed=0)
    local.module.weight.data.zero_()
    assert abs(trained(plain, rounds=40)[0].item() - best) > 0.2


def _krum(updates, faulty):
    scores = []
    for i in range(len(updates)):
        apart = sorted(
            float(((updates[i] - updates[j]) ** 2).sum()) for j in range(len(updates)) if j != i
        )
        scores.append(sum(apart[: len(updates) - faulty - 2] or apart[:1]))
    return int(np.argmin(scores))


def _bulyan(updates, faulty):
    left, picks = list(updates), []
    while len(picks) < len(updates) - 2 * faulty:
        picks.append(left.pop(_krum(np.stack(left), faulty)))
    found = []
    for column in np.stack(picks).T:
        middle = np.median(column)
        nearest = sorted(column, key=lambda value: abs(value - middle))
        found.append(np.mean(nearest[: len(picks) - 2 * faulty]))
    return np.array(found)


@pytest.mark.law("fedavg")
@pytest.mark.parametrize("clients", [11, 12])
def test_robust_ways_are_those_of_other_formulas(clients):
    updates = torch.randn(clients, 7, generator=torch.Generator().manual_seed(2)).double()
    updates[:2] *= -30
    sizes, plain = torch.arange(1.0, clients + 1).flip(0), updates.numpy()
    right = {
        "mean": np.average(plain, axis=0, weights=sizes.numpy()),
        "median": np.median(plain, axis=0),
        "trimmed-mean": trim_mean(plain, 2 / clients + 1e-9, axis=0),
        "krum": plain[_krum(plain, 2)],
        "bulyan": _bulyan(plain, 2),
    }
    for name, expected in right.items():
        faulty = 2 if robust.NEEDS[name][0] else 0
        combine = robust.combination(name, faulty=faulty, clients=clients)
        found = combine(updates, sizes)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
        assert (found.abs().max() < 3) == (name != "mean")


@pytest.mark.law("fedavg")
def test_masked_updates_add_up_exactly_and_look_like_noise():
    g = torch.Generator().manual_seed(4)
    updates, masks = torch.randn(5, 4000, generator=g).double(), Masks(5)
    sent = torch.stack([
        masks.hidden(one, own=k, members=range(5), number=7) for k, one in enumerate(updates)
    ])  # fmt: skip
    plain = torch.stack([whole(one) for one in updates]).sum(0)
    assert torch.equal(sent.sum(0), plain)
    torch.testing.assert_close(revealed(plain, updates), updates.sum(0), atol=5 * 2.0**-33, rtol=0)
    for one in sent:
        counts = torch.bincount((one >> 56) + 128, minlength=256).double()
        assert ((counts - 4000 / 256).square() / (4000 / 256)).sum() < 350  # 99.99 % of chi2(255)
    some = sent[:4].sum(0)  # without one of them nothing is left but noise
    assert (some - plain).abs().double().median() > 2.0**60
    other = masks.hidden(updates[0], own=0, members=range(5), number=8)
    assert not torch.equal(other, sent[0])
    plain, hidden = founded(size=8), founded(size=8, secure=True)
    torch.testing.assert_close(trained(hidden, 2)[0], trained(plain, 2)[0], atol=1e-8, rtol=0)


def test_a_client_that_turns_its_update_breaks_the_mean_alone():
    x = part().inputs
    ends, clear = {}, Split(x, x[:, :3].argmax(1), SIGNATURE)
    for name, given in {
        "honest": {},
        "mean": {"flipped": 1},
        "median": {"flipped": 1, "aggregate": "median"},
        "krum": {"flipped": 1, "aggregate": "krum", "faulty": 1},
        "trimmed mean": {"flipped": 1, "aggregate": "trimmed-mean", "faulty": 1},
        "bulyan": {"flipped": 1, "aggregate": "bulyan", "faulty": 1},
    }.items():
        federation = founded(data=clear, size=8, clients=7, lr=0.5, **given)
        ends[name] = trained(federation, rounds=12)[1].history[-1]["train/loss"]
    start = trained(founded(data=clear, clients=7, lr=0.0))[1].history[0]["train/loss"]
    assert ends["honest"] < 0.9 * start
    assert ends["mean"] > start
    robust = ("median", "krum", "trimmed mean", "bulyan")
    assert max(ends[name] for name in robust) < 0.95 * start


@pytest.mark.parametrize("name", ["controlled", "hidden", "bounded"])
def test_a_stopped_federation_ends_with_the_weights_of_one_that_was_not(tmp_path, name):
    def run(epochs, folder, **more):
        if name == "controlled":
            federation = founded(scaffold, size=4, alpha=0.5, share=0.5, central=True)
        else:
            federation = founded(size=4, alpha=0.5, clients=4, secure=name == "hidden")
        if name == "bounded":
            dp_fedavg(federation, part(), 4, 4, noise=1.0)
            federation.secret.fill_(9 if folder == "a" or not more else 8)
        found = trained(federation, epochs, folder=tmp_path / folder, **more)
        secrets = [] if name != "hidden" else map(str, federation._masks.private)
        kept = "".join(
            path.read_bytes().decode("latin-1")
            for path in (tmp_path / folder).rglob("*")
            if path.is_file()
        )
        assert not [secret for secret in secrets if secret in kept]
        return found[0], federation.controls, federation.beside

    whole_ = run(4, "a")
    run(2, "b")
    for one, other in zip(run(4, "b", resume=True), whole_, strict=True):
        assert torch.equal(one, other)


def test_examples_are_shared_out_whole():
    targets = torch.arange(1000) % 10
    for parts in (alike(1000, 7, seed=1), by_class(targets, 7, alpha=0.1, seed=1)):
        assert sorted(torch.cat(parts).tolist()) == list(range(1000))
    few = [len(targets[own].unique()) for own in by_class(targets, 7, alpha=0.1, seed=1)]
    many = [len(targets[own].unique()) for own in by_class(targets, 7, alpha=100.0, seed=1)]
    assert sum(few) < 45
    assert min(many) == 10


def test_a_client_without_examples_never_takes_part():
    federation = founded(alpha=0.02, clients=12, seed=1, share=0.5)
    empty = federation.sizes == 0
    assert empty.any()
    for number in range(20):
        members = federation.members(number)
        assert not (members & empty).any()
        assert members.sum() == federation.expected
    assert trained(federation)[0].isfinite().all()


def test_statistics_of_batches_are_averaged_and_models_left_as_they_are():
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    federation = founded(model=model, size=8)
    assert federation.local.way == "alone"
    assert federation.local.moving == ["1.running_mean", "1.running_var"]
    before = torch.get_rng_state()
    assert torch.equal(model[1].running_mean, torch.zeros(5))
    federation = founded(model=model, size=ROWS, lr=0.0)
    assert torch.equal(torch.get_rng_state(), before)
    trained(federation)
    inside = model[0](part(torch.float32).inputs).detach()
    torch.testing.assert_close(model[1].running_mean, 0.1 * inside.mean(0))


class Several(nn.Module):
    """Two losses for a batch."""

    def __init__(self):
        super().__init__()
        self.players = {"model": network()}

    def losses(self, batch):
        for inner in (1, 2):
            yield from Classify(model=self.players["model"]).losses((inner * batch[0], batch[1]))


REFUSED = {
    "one client": ({"clients": 1}, "clients=1 is a training on all examples at one place"),
    "more clients than examples": ({"clients": 99}, "more than the 43 training examples"),
    "all at one": ({"clients": 2, "alpha": 1e-4, "seed": 9}, "one client has all examples"),
    "too many faulty": ({"aggregate": "krum", "faulty": 1}, r"2 x faulty \+ 3 clients"),
    "no number of them": ({"aggregate": "bulyan"}, "faulty= of at least 1"),
    "a number for nothing": ({"faulty": 1}, "is for trimmed-mean, krum and bulyan"),
    "hidden and seen": ({"aggregate": "median", "secure": True}, "has to see each update"),
    "two that hide": ({"secure": True, "share": 0.5}, "tells each the other's update"),
    "no steps": ({"make": scaffold, "lr": 0.0}, "lr=0 takes no steps"),
    "no honest one": ({"flipped": 4}, "leaves no honest one"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together_is_refused(name):
    given, why = REFUSED[name]
    with pytest.raises(UsageError, match=why):
        founded(**given)


def test_a_client_that_diverges_is_named_with_the_rate_to_lower():
    data = Split(part().inputs * 1e200, part().targets, SIGNATURE)
    why = "client 1 of 4 became infinite or not a number in round 1; lower lr=1e"
    with pytest.raises(UsageError, match=why):
        trained(founded(data=data, model=nn.Linear(6, 3).double(), lr=1e200, local_epochs=3))


def test_other_objectives_and_batches_are_refused():
    with pytest.raises(UsageError, match="2 losses for a batch"):
        fedavg(Several(), part(), 8, 0, clients=2)
    with pytest.raises(UsageError, match="other batches than its own"):
        next(founded().losses((part().inputs, part().targets)))
    values = Split(part().inputs, torch.rand(ROWS, 1), SIGNATURE)
    with pytest.raises(UsageError, match="have no class each"):
        founded(data=values, alpha=0.1)
