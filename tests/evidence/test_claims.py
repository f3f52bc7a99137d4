"""Every claim's file conforms, and those of the finished rooms are all there."""

import ast
import re

import pytest

from cartograd.core import concepts
from cartograd.core.errors import UsageError
from cartograd.evidence.claim import CLAIMS, claims, deciding, find, read, statements, stored
from cartograd.evidence.design import history
from cartograd.evidence.verdict import VERDICTS, Check

ROOMS = (
    "activation/", "init/", "loss/", "optim/", "schedule/", "regularize/", "norm/", "challenge/",
    "train/grad-accumulation", "train/batch-size", "train/checkpointing-activations",
    "arch/perceptron", "metric/accuracy",
)  # fmt: skip
EARLIER = {
    "resnet-degradation",
    "small-kernels",
    "inception-thrifty",
    "densenet-thrifty",
    "compound-scaling",
    "cnn-shift",
    "weight-sharing",
}
"""Of later rooms, with an experiment already."""
BY_TASK = {"focal-imbalance"}
"""Claims with tasks as their unit though the statement's words do not ask for it."""
LONGER = {"attention-bottleneck", "gan-mode-collapse"}
"""Claims that need more than ten minutes of processor time: what is tested is learned late."""
BY_THEORY = {"momentum-damps"}
"""The best rate is known by a formula."""


def test_every_statement_of_these_rooms_has_its_experiment():
    asked = {one.id for one in statements().values() if one.concept.startswith(ROOMS)} | EARLIER
    assert len(asked) == 48
    assert asked <= set(claims())


def test_every_place_of_the_statements_is_on_the_map():
    places = {place.id for place in concepts.places()}
    assert {one.concept for one in statements().values()} <= places
    assert len(statements()) == 84


@pytest.mark.parametrize("path", sorted(CLAIMS.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_a_claim_conforms(path):
    claim = read(path)
    statement = statements()[claim.id]
    assert path.stem == claim.id.replace("-", "_")
    assert (claim.place, claim.en, claim.zh) == (
        statement.concept,
        statement.claim_en,
        statement.claim_zh,
    )
    assert re.search(r"[\u4e00-\u9fff]", claim.zh)
    assert len(claim.hypothesis) > 40
    assert claim.hypothesis.endswith(".")
    assert claim.rule
    assert [Check.parse(text) for text in claim.rule]
    assert [Check.parse(text) for text in claim.requires] or not claim.requires
    assert claim.decide in ("all", "majority", "each")
    of_tasks = any(text.startswith(("tasks ", "most ")) for text in claim.rule)
    assert claim.exact or claim.seeds >= (2 if of_tasks else 3)
    assert of_tasks == bool(re.search("usually|across tasks", claim.en)) or claim.id in BY_TASK
    assert set(claim.scale) <= {"x", "y"}
    assert claim.minutes == 10 or claim.id in LONGER
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [argument.arg for argument in functions["measure"].args.posonlyargs] == ["seed"]
    assert text.index("CLAIM = Claim(\n") < text.index("def measure(")
    assert len(text.splitlines()) <= 100
    assert ("fashion-mnist" in text) == (claim.data == "fashion-mnist")


def test_a_best_rate_is_searched_for_and_not_left_at_an_edge():
    """What speaks of a best rate asks `best_rate` for it; what was run before that is named."""
    for path in CLAIMS.glob("[!_]*.py"):
        claim, text = read(path), path.read_text(encoding="utf-8")
        if re.search(r"rates?\b.*\bbest|\bbest.*\brates?\b", claim.hypothesis):
            searched = "best_rate(" in text and any("inside" in one for one in claim.requires)
            assert searched == (claim.id not in BY_THEORY), claim.id


@pytest.mark.parametrize("name", list(claims()))
def test_a_kept_result_is_of_the_rule_that_stands_now(name):
    """Whoever changes a rule or an experiment's seeds runs it again."""
    claim, result = find(name), stored(name)
    if result is None:  # registered, and not run yet
        assert history(name)[-1].event in ("registered", "mended", "carried", "look")
        return
    assert [one["check"] for one in result["findings"]] == [*claim.rule, *claim.requires]
    assert len(result["seeds"]) == (1 if claim.exact else claim.seeds)
    assert result["verdict"] in VERDICTS
    assert result["cpu_seconds"] < 60 * claim.minutes
    states = {"holds": {"holds"}, "does not hold": {"fails"}, "undecided": {"open", "fails"}}
    assert deciding(result)["state"] in states.get(result["verdict"], {"fails"})


def test_names_are_found_with_either_dash_and_missed_with_the_nearest():
    assert find("gelu_approx") is find("gelu-approx")
    with pytest.raises(UsageError, match="did you mean 'gelu-approx'"):
        find("gelu-aprox")
    with pytest.raises(UsageError, match="not written yet"):
        find("darts-cheap")


def test_a_file_without_a_claim_is_our_mistake(tmp_path):
    path = tmp_path / "toy.py"
    path.write_text("CLAIM = None\n")
    with pytest.raises(AssertionError, match=r"has no CLAIM"):
        read(path)
