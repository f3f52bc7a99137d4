"""Experiments are run seed by seed, and a false statement is found to be false."""

from dataclasses import replace

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Curve, find
from cartograd.evidence.design import digest, now
from cartograd.evidence.experiment import run

TOY = replace(
    find("gelu-approx"),
    id="toy",
    en="The mean of a standard normal sample is above one half",
    rule=("mean middle > 0.5",),
    exact=False,
    seeds=5,
    draw=(),
)


def sample(seed):
    x = torch.randn(1000)
    return {"middle": x.mean().item(), "path": Curve([0.0, 1.0], x[:2].tolist())}


def test_a_false_statement_does_not_hold():
    found = run(TOY, measure=sample)
    assert found.verdict == "does not hold"
    (finding,) = found.findings
    assert finding.low < 0 < finding.high < 0.5


def test_a_true_one_holds():
    assert run(replace(TOY, rule=("mean middle < 0.5",)), measure=sample).verdict == "holds"


def test_the_same_seeds_give_the_same_figures_and_leave_the_state_alone():
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first = run(TOY, measure=sample)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    torch.manual_seed(99)
    again = run(TOY, measure=sample, seeds=(4, 0))
    assert again.figures["middle"] == [first.figures["middle"][4], first.figures["middle"][0]]


def test_one_seed_has_no_verdict():
    found = run(TOY, measure=sample, seeds=(0,))
    assert (found.verdict, found.findings[0].method) == ("undecided", "one seed: no interval")


def test_the_first_seed_is_the_claims():
    assert run(replace(TOY, first=100, seeds=2), measure=sample).seeds == (100, 101)


def test_it_names_the_design_it_was_run_under():
    found = run(find("gelu-approx"))
    assert found.to_json()["design"] == digest(find("gelu-approx"))
    assert found.started <= now()


def test_what_is_exact_has_one_run():
    assert run(find("gelu-approx"), seeds=(5, 6)).seeds == (0,)


@pytest.mark.parametrize("seeds", [(), (-1,), (1, 1)])
def test_seeds_are_distinct_and_not_negative(seeds):
    with pytest.raises(UsageError, match="are not distinct numbers"):
        run(TOY, measure=sample, seeds=seeds)


def test_json_has_null_for_what_is_not_finite():
    record = run(TOY, measure=lambda seed: {"middle": float("nan")}).to_json()
    assert record["figures"]["middle"] == [None] * 5
    assert record["findings"][0]["low"] is None
    assert "curves" in record
    assert "curves" not in run(TOY, measure=sample).to_json(curves=False)


def test_a_wrong_rule_is_refused_before_anything_is_measured():
    def measure(seed):
        raise AssertionError("measured")

    with pytest.raises(UsageError, match="is not a check"):
        run(replace(TOY, rule=("gap is small",)), measure=measure)
