"""A reward model: made of a language model, learned from pairs, kept, and used by its folder."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.data.sources.preferences import preferences
from cartograd.engine.files.bundle import write_bundle
from cartograd.engine.loop.fit import fit
from cartograd.frontier.alignment.drawn import drawn, prompts_of
from cartograd.frontier.alignment.grpo import GRPO
from cartograd.frontier.alignment.reward_model import reward_model
from cartograd.frontier.alignment.rewards import reward_of, scored
from cartograd.training.objectives.bradley_terry import BradleyTerry, whole


@pytest.mark.place("llm/rlhf")
def test_it_is_learned_from_pairs_kept_and_named_by_its_folder(tmp_path):
    rows = [
        {"prompt": f"Is {i} odd?", "chosen": "Yes, please.", "rejected": "Who cares?"}
        for i in range(40)
    ]
    path = tmp_path / "liked.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    data = preferences(path, vocabulary=280, context=64)
    torch.manual_seed(0)
    base = build(
        "llama:dim=16,depth=1,heads=2,ffn_dim=32,context=64", signature=data.signature
    )  # fmt: skip
    base = Signed(base.model, data.signature, spec=base.model.spec, tokenizer=data.tokenizer)
    model = reward_model(base)
    tokens = data.train.better.inputs[:2]
    assert (model(tokens) == 0).all()
    assert torch.equal(model.model.decoder(tokens), base(tokens))
    objective = BradleyTerry(model=model)
    run = fit(
        objective, data.train.batches(batch_size=8), validate=data.valid.batches(batch_size=8),
        optimizers="adamw:lr=1e-2", epochs=2,
    )  # fmt: skip
    assert run.history[-1]["valid/accuracy"] == 1
    write_bundle(tmp_path / "liked", model)
    reward = reward_of(str(tmp_path / "liked"))
    polite, rude = scored(reward, ["Is 3 odd?"] * 2, ["Yes, please.", "Who cares?"]).tolist()
    assert polite > rude
    policy = GRPO(model=base, reward=str(tmp_path / "liked"), generations=2, length=3)
    batch = next(data.valid.batches(batch_size=2).epoch(0, seed=0))
    seen = policy.validate(batch)["reward"]
    made = drawn(
        base, prompts_of(batch), generations=2, length=3,
        seed=torch.default_generator.initial_seed(),
    )  # fmt: skip
    expected = model.eval()(whole(made.tokens, made.labels, 0))[:, 0]
    torch.testing.assert_close(seen, expected, rtol=1e-5, atol=1e-5)


def test_what_fills_rows_up_is_not_read_where_the_tokenizer_alone_says_what_does():
    data = _signature()
    torch.manual_seed(0)
    made = build("gpt:dim=8,heads=2,depth=1,context=16,dropout=0.0", signature=data)
    port = replace(data.input, padding_id=None)
    signature = replace(data, inputs=(port,))
    told = SimpleNamespace(padding=2)
    base = Signed(made.model, signature, spec=made.model.spec, tokenizer=told)
    model = reward_model(base).eval()
    torch.nn.init.normal_(model.model.head.weight)
    assert model.signature.input.padding_id == model.model.padding_id == 2
    short, filled = torch.tensor([[5, 3]]), torch.tensor([[5, 3, 2, 2]])
    torch.testing.assert_close(model(short), model(filled))


def test_modules_without_a_name_are_refused():
    model = build("gpt:vocabulary=9,context=8,dim=8,heads=2,depth=1")
    made = Signed(model, _signature())
    with pytest.raises(UsageError, match="a decoder that has a name"):
        reward_model(made)


def _signature():
    from tests.golden.curves import lines

    return lines().signature
