"""Federated training from the command line."""

from types import SimpleNamespace

import pytest

import cartograd as cg
from cartograd.apps.verbs.federated import check_processes
from cartograd.apps.verbs.plan import planned
from cartograd.core.errors import UsageError
from cartograd.frontier.privacy.loss_distribution import epsilon

MODEL = ("train", "mlp:widths=[16]", "--data", "digits", "--set")


@pytest.mark.journey
def test_a_federation_says_who_has_what_and_is_shown_beside_central_training(cli_run, tmp_path):
    done = cli_run(
        *MODEL, "federated=fedavg:alpha=0.1,clients=5,central=true", "batch_size=32",
        "--epochs", 3, "--folder", "r",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "fedavg: 5 clients with" in done.err
    assert "sent (4.84 kB down and 4.84 kB up for each client and round)" in done.err
    history = (tmp_path / "r/metrics.jsonl").read_text()
    assert "valid/central/accuracy" in history
    page = (tmp_path / "r/report.html").read_text()
    assert "Examples by client and class" in page
    assert "central" in page
    assert "combined by mean" in cli_run("runs", "show", "r").out
    account = cg.load("r").about["federated"]
    assert account["rounds"] == 3
    assert account["sent"] == 3 * 5 * 2 * 4 * (64 * 16 + 16 + 16 * 10 + 10)
    assert sum(map(sum, account["classes of clients"])) == sum(account["examples"])


def test_a_private_federation_says_what_it_bounds(cli_run):
    words = (*MODEL, "federated=fedavg:clients=60,share=0.2", "--epochs", 2, "--folder", "p")
    done = cli_run(*words, "--set", "privacy=dp-fedavg:noise=1,delta=1e-3")
    assert done.code == 0, done.err
    assert "at delta = 0.001 after 2 steps of noise 1 x clip 1" in done.err
    assert "one client more or less" in done.err
    assert "standardised by their bounds" in done.err
    assert cg.load("p").about["privacy"]["epsilon"] == pytest.approx(
        epsilon(rate=0.2, noise=1.0, steps=2, delta=1e-3)
    )
    alone = cli_run(*MODEL, "privacy=dp-fedavg")
    assert alone.code == 2
    assert "say federated=fedavg" in alone.err


REFUSED = {
    "federated=fedavg:clients=1": "clients=1 is a training on all examples at one place",
    "federated=fedavg:client=3": "unknown argument of fedavg 'client'",
    "federated=fedavg accumulate=2": "a round is one step of the server",
    "federated=fedavg clip=1": "would cut what all clients together found",
    "federated=fedavg privacy=dp-sgd:delta=1e-4": "privacy=dp-fedavg bounds what is told of a clie",
    "federated=fedavg precision=bf16-emulated": "averaged in float32",
}


@pytest.mark.parametrize("settings", REFUSED)
def test_what_does_not_go_with_a_federation_is_refused_in_one_line(settings, cli_run, tmp_path):
    bad = cli_run(*MODEL, *settings.split(), "--folder", "bad")
    assert bad.code == 2
    assert REFUSED[settings] in " ".join(bad.err.split())
    assert not (tmp_path / "bad").exists()


def test_trees_are_refused_as_no_gradient_leads_them():
    with pytest.raises(UsageError, match="the gradient of its loss, which trees do not"):
        planned("decision-tree:depth=2", "breast-cancer", federated="fedavg:clients=3")


def test_settings_of_a_federation_are_its_own_unless_told():
    plan = planned("mlp", "digits", federated="fedprox:clients=3")
    assert [plan.value(key) for key in ("optimizer", "schedule", "epochs")] == [
        "sgd:lr=1", None, 20,
    ]  # fmt: skip
    alike = planned("mlp", "digits", federated="fedavg:clients=4", epochs=1).told
    assert "fedavg: 4 clients with 316 examples each, 4 in 1 round; " in " ".join(alike)
    told = planned("mlp", "digits", federated="fedavg", optimizer="adam:lr=0.01", epochs=2)
    assert told.value("optimizer") == "adam:lr=0.01"


@pytest.mark.untyped
def test_several_processes_neither_spread_weights_nor_share_statistics():
    joined = planned("resnet:depth=20", "digits", federated="fedavg:clients=2", epochs=1).federation
    assert joined.local.moving
    check_processes(joined, "ddp", SimpleNamespace(size=1, sharded=False))
    check_processes(joined, "ddp:norm=process", SimpleNamespace(size=2, sharded=False))
    for parallel, size, why in (
        ("fsdp", 2, "spreads one model"), ("ddp", 2, "ddp:norm=process"),
        ("ddp", 3, "2 clients cannot be spread over 3 processes"),
    ):  # fmt: skip
        several = SimpleNamespace(size=size, sharded=parallel == "fsdp")
        with pytest.raises(UsageError, match=why):
            check_processes(joined, parallel, several)
