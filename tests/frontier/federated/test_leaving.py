"""Sums under masks from which clients leave: exact of those that sent, refused of too few."""

from itertools import combinations, product

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.frontier.federated import leaving
from cartograd.frontier.federated.leaving import Client, drawn, regained, secure_sum, shared
from cartograd.frontier.federated.masks import PRIME, Masks, whole
from tests.frontier.federated.support import founded, trained


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Keys of 64 bits in the place of 256, which take less time and make the same sums."""
    own = leaving.secrets.randbits
    monkeypatch.setattr(leaving.secrets, "randbits", lambda bits: own(min(bits, 64)))


def updates(n, d=50):
    g = torch.Generator().manual_seed(n)
    return dict(enumerate(torch.randn(n, d, generator=g).double()))


@pytest.mark.law("fedavg")
def test_enough_shares_give_the_secret_and_fewer_fit_any():
    secret = PRIME % 2**256
    told = shared(secret, range(5), threshold=3)
    for some in combinations(told, 3):
        assert regained({place: told[place] for place in some}) == secret
    assert regained(told) == secret
    two = {place: told[place] for place in (1, 4)}
    assert regained(two) != secret
    for wanted in (0, 7, secret + 1):  # a third share that makes two of them say anything
        third = (wanted - regained(two | {2: 0})) * pow(regained({1: 0, 4: 0, 2: 1}), -1, FIELD)
        assert regained(two | {2: third % FIELD}) == wanted


FIELD = leaving.FIELD


@pytest.mark.law("fedavg")
@pytest.mark.parametrize("gone", [*product((0, 1, 2, 3), repeat=2)])
def test_the_sum_is_exact_of_those_that_sent_whoever_leaves_when(gone):
    """Two of five clients leave, each before any stage or not at all."""
    every, masks = updates(5), Masks(5)
    leaves = {place: stage for place, stage in zip((1, 3), gone, strict=True) if stage}
    total, sent = secure_sum(every, masks, 3, threshold=3, leaves=leaves)
    assert sent == [k for k in range(5) if leaves.get(k, 4) > 2]
    assert torch.equal(total, torch.stack([whole(every[k]) for k in sent]).sum(0))


@pytest.mark.law("fedavg")
@pytest.mark.parametrize(
    ("stage", "words"),
    [(1, "before it shared its secrets"), (2, "before it sent"), (3, "before it told its shares")],
)
def test_too_few_at_any_stage_are_refused(stage, words):
    with pytest.raises(
        UsageError, match=f"2 of 5 clients are left in round 8, as some left {words}"
    ):
        secure_sum(updates(5), Masks(5), 7, threshold=3, leaves=dict.fromkeys((0, 2, 4), stage))


@pytest.mark.law("fedavg")
def test_what_is_sent_and_what_is_told_lay_no_update_open():
    every, masks = updates(4, 4000), Masks(4)
    clients = [Client(k, masks, 0, threshold=3) for k in every]
    public = {k: one.public for k, one in enumerate(clients)}
    boxes = [one.shares(public) for one in clients]
    sent = [one.sent(every[k], {u: boxes[u][k] for u in public}) for k, one in enumerate(clients)]
    for one in sent:  # noise
        counts = torch.bincount((one >> 56) + 128, minlength=256).double()
        assert ((counts - 4000 / 256).square() / (4000 / 256)).sum() < 350
    own = masks.between(0, 1)
    assert boxes[0][1] != boxes[1][0]
    assert own not in boxes[0][1]
    with pytest.raises(UsageError, match="was asked of less"):
        clients[0].tells([0, 1])
    told = clients[0].tells([0, 1, 2])
    seeds = [clients[u].tells([0, 1, 2])[1] for u in (1, 2)]
    assert regained(dict(zip((0, 1, 2), (told[1], *seeds), strict=True))) == clients[1]._seed
    with pytest.raises(UsageError, match="was asked again"):
        clients[0].tells([0, 1, 3])  # would tell the key of client 3 beside its seed


@pytest.mark.law("fedavg")
def test_a_training_goes_on_with_those_that_are_left():
    given = {"size": 8, "clients": 5, "alpha": 0.5}
    left = trained(founded(secure=True, dropouts=0.4, **given))[0]
    federation = founded(**given)
    gone = drawn(federation.members(0).nonzero()[:, 0].tolist(), 0, seed=3, dropouts=0.4)
    assert len(gone) == 2
    start = federation.local.begin()
    kept = [k for k in range(5) if gone.get(k, 4) > 2 and federation.sizes[k]]
    found = federation._found(torch.tensor(kept), start, 0, 0)
    sizes = federation.sizes[kept].double()
    mean = start + (sizes / sizes.sum()) @ (found.weights - start)
    torch.testing.assert_close(left, mean, atol=1e-8, rtol=0)
    for words, why in (
        ({"dropouts": 0.2}, "add secure=true"),
        ({"dropouts": 0.6, "secure": True}, "fewer than 3 cannot find the sum"),
    ):
        with pytest.raises(UsageError, match=why):
            founded(**given, **words)
