"""Aligning a language model by the command's own function: pairs, adapters, rewards, refusals."""

import json

import pytest
import torch

import cartograd as cg
from cartograd.apps.verbs.plan import planned
from cartograd.core.errors import UsageError
from cartograd.frontier.alignment.rewards import reward_of, scored

SMALL = "llama:dim=16,depth=1,heads=2,ffn_dim=32,context=64"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "liked.jsonl"
    rows = [
        {"prompt": f"Is {i} odd?", "chosen": "Yes, it is.", "rejected": "Who cares?"}
        for i in range(40)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return f"preferences:{path},vocabulary=280,context=64"


@pytest.fixture(scope="module")
def base(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "run"
    return cg.train(
        SMALL, pairs, folder=folder, epochs=2, batch_size=8, optimizer="adamw:lr=3e-3", seed=100
    )


def test_pairs_are_learned_by_dpo_where_nobody_says_otherwise(base):
    last = base.history[-1]
    assert last["valid/accuracy"] == 1
    assert last["valid/margin"] > 0.1
    assert 0 < last["valid/kl"] < 1
    assert "perplexity" in json.dumps(cg.load(base.folder).metrics)


def test_an_adapter_begins_where_its_base_is(base, pairs, tmp_path):
    run = cg.train(
        str(base.folder), pairs, folder=tmp_path / "run", adapter="lora:rank=2,match=*attention*",
        epochs=1, batch_size=8, objective="preference:loss=ipo", optimizer="adamw:lr=1e-2",
    )  # fmt: skip
    assert run.history[-1]["train/kl"] < 0.1
    assert run.history[-1]["valid/accuracy"] == 1
    assert (tmp_path / "run/adapter").is_dir()


def test_a_reward_is_raised_on_the_prompts_of_pairs(base, pairs, tmp_path):
    run = cg.train(
        str(base.folder), pairs, folder=tmp_path / "run", epochs=1, batch_size=8,
        objective="grpo:reward=letter-s,generations=4,length=6", optimizer="adamw:lr=1e-3",
    )  # fmt: skip
    assert run.history[-1]["valid/reward"] >= 0
    assert {"train/reward", "train/kl", "train/clipped"} <= set(run.history[-1])


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("label-tokens", "which objective=label-tokens does not compare"),
        ("preference:loss=dop", "did you mean 'dpo'"),
        ("grpo:reward=lenght", "did you mean 'length'"),  # codespell:ignore lenght
        ("ppo:reward=nowhere:please", "give --import nowhere if you trust it"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    objective, message, pairs, tmp_path
):
    with pytest.raises(UsageError, match=message):
        cg.train(SMALL, pairs, folder=tmp_path / "run", objective=objective)
    assert not (tmp_path / "run").exists()


def test_pairs_are_needed(tmp_path):
    (tmp_path / "a.txt").write_text("abcd" * 600)
    with pytest.raises(UsageError, match="compares pairs of answers"):
        cg.train(
            "gpt:dim=8,depth=1,heads=2", f"text:{tmp_path / 'a.txt'},window=16",
            folder=tmp_path / "run", objective="preference",
        )  # fmt: skip


@pytest.mark.place("llm/rlhf")
def test_a_model_that_writes_learns_to_judge_and_is_a_reward_by_its_folder(base, pairs, tmp_path):
    told = cg.train(
        str(base.folder), pairs, folder=tmp_path / "judge", epochs=2, batch_size=8,
        objective="bradley-terry", optimizer="adamw:lr=1e-2", adapter="lora:rank=1",
    )  # fmt: skip
    judge = cg.load(told.folder)
    found = judge.metrics["accuracy"]
    assert (found["value"], found["high"], found["examples"]) == (1, 1, 4)
    assert found["low"] == pytest.approx(0.025 ** (1 / 4))
    assert judge.signature.output.task == "reward"
    reward = reward_of(str(told.folder))
    polite, rude = scored(reward, ["Is 3 odd?"] * 2, ["Yes, it is.", "Who cares?"]).tolist()
    assert polite > rude
    best = cg.generate(
        str(base.folder), ["Is 3 odd?"], best_of=5, reward=str(told.folder), length=6
    )[0]
    rows = torch.tensor([[*chat(base, "Is 3 odd?"), *best.tokens]])
    assert best.reward == pytest.approx(judge.model.eval()(rows).item(), abs=1e-5)


def test_a_judge_is_told_by_its_other_name_and_measured_on_pairs_alone(base, pairs, tmp_path):
    run = cg.train(
        str(base.folder), pairs, folder=tmp_path / "judge", epochs=1, batch_size=8,
        objective="reward", optimizer="adamw:lr=1e-2",
    )  # fmt: skip
    with pytest.raises(UsageError, match="a reward is measured on pairs of answers"):
        cg.evaluate(run.folder, pairs)
    again = cg.train(
        str(run.folder), pairs, folder=tmp_path / "more", epochs=1, batch_size=8,
        objective="reward", optimizer="adamw:lr=1e-4",
    )  # fmt: skip
    assert again.history[-1]["valid/difference"] > run.history[-1]["valid/difference"] - 0.1


def test_a_judge_is_told_to_have_written_before_and_nothing_of_its_one_new_number(base, pairs):
    plan = planned(str(base.folder), pairs, objective="bradley-terry", adapter="lora:rank=2")
    said = " ".join(plan.begun)
    assert "with a new last layer (it wrote texts)" in said
    assert "numbers learn beside" in said
    assert "more than some weights" not in said


def chat(run, prompt):
    return cg.load(run.folder).model.tokenizer.chat_numbers(prompt)
