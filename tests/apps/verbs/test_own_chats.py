"""Own chats from the file to other programs: what is learned, beside what, and where it goes."""

import json
import math

import pytest
import torch

from cartograd.apps.load.pretrained import pretrained
from cartograd.apps.load.target import as_signed
from cartograd.apps.verbs import finish
from cartograd.apps.verbs.before_after import before_after
from cartograd.apps.verbs.evaluate import evaluate
from cartograd.apps.verbs.export import export
from cartograd.apps.verbs.export_adapter import export_adapter
from cartograd.apps.verbs.generate import generate
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.train import train
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load
from tests.commands import command
from tests.reference import Reference

transformers, peft = Reference("transformers"), Reference("peft", quiet=True)

MODEL = "llama:dim=16,depth=1,heads=2,ffn_dim=24,context=96"
ASKED = "What is three?"


@pytest.fixture(scope="module", autouse=True)
def unreported():
    """Nothing is drawn for readers after a training, nor timed."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("_report", "note_speed"):
            patched.setattr(finish, name, lambda *_: None)
        yield


def written(path, answer):
    names = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    rows = [{"conversations": [{"from": "human", "value": f"What is {name}{mark}"},
                               {"from": "gpt", "value": answer.format(name)}]}
            for name in names for mark in ("?", "", "??")]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)))
    return f"chats:{path},vocabulary=290,valid=0.1,test=0.2"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A small model of chats, and what it learned from others beside its weights, packed."""
    folder = tmp_path_factory.mktemp("chats")
    first = written(folder / "first.jsonl", "A number, {}.")
    base = train(MODEL, first, folder=folder / "base", epochs=30, optimizer="adamw:lr=0.03")
    other = written(folder / "other.jsonl", "Ask me not!")
    said = {"epochs": 20, "optimizer": "adamw:lr=0.03", "adapter": "lora:rank=4"}
    packed = {"objective": "label-tokens:packed=true", "batch_size": 8}
    tuned = train(str(base.folder), other, folder=folder / "tuned", **said, **packed)
    return base, tuned, other


@pytest.mark.place("llm/instruct")
def test_before_after_and_what_was_forgotten_are_one_table(runs, tmp_path):
    base, tuned, other = runs
    pages = tmp_path / "pages.jsonl"
    rows = [{"text": f"A number, {name}. A number, {name}."} for name in ("one", "two", "six")]
    pages.write_text("\n".join(map(json.dumps, rows)))
    plain = f"chats:{pages},valid=0,test=0"
    found = before_after(tuned.folder, plain=plain)
    assert (found.before, found.after) == (str(base.folder), str(tuned.folder))
    alone = [
        [evaluate(one.folder, data, part=part, metrics=["nll"]).metrics["nll"] for one in runs[:2]]
        for data, part in ((other, "test"), (plain, "train"))
    ]
    nll, match = found.differences["answers"]
    assert nll.values == pytest.approx(alone[0], rel=1e-9)
    assert nll.low < nll.values[1] - nll.values[0] < nll.high < 0
    assert match.values[0] == 0
    assert match.values[1] > 0.5
    assert -0.2 < match.low < match.values[1] < match.high <= 1
    assert match.doubt == f"{len(found.texts[0])} examples, and 30 are the least"
    assert found.forgotten == pytest.approx(math.exp(alone[1][1] - alone[1][0]), rel=1e-9)
    assert found.forgotten > 1
    assert found.sentence.startswith("held-out answers are ")
    assert "times what it was" in found.sentence
    said = [one["after"] for one in found.to_json()["answers"]]
    assert said.count("Ask me not!") == round(match.values[1] * len(said))
    assert len(before_after(tuned.folder, limit=1).texts[0]) == 1


def test_before_after_refuses_what_cannot_be_held_against_each_other(runs, tmp_path):
    base, tuned, other = runs
    with pytest.raises(UsageError, match=r"llama:dim=16.* is no model that is there"):
        before_after(base.folder, other)
    with pytest.raises(UsageError, match="is no run, so what it began from is not known"):
        before_after(tuned.folder / "bundle", other)
    with pytest.raises(UsageError, match=r"does not say what it learned from.*\(data=, --data\)"):
        before_after(as_signed(base.folder))
    with pytest.raises(UsageError, match="ece is not told of texts before and after"):
        before_after(tuned.folder, metrics=["ece"])
    with pytest.raises(UsageError, match="are of written texts alone; add nll"):
        before_after(tuned.folder, metrics=["exact-match"])
    with pytest.raises(UsageError, match="limit=0 chats are none"):
        before_after(tuned.folder, limit=0)
    others = written(tmp_path / "longer.jsonl", "Zebras quiz {} jovially.")
    short = train(MODEL, others.replace("290", "280"), folder=tmp_path / "short", epochs=1)
    first = written(tmp_path / "first.jsonl", "A number, {}.")
    with pytest.raises(UsageError, match="cut texts into other tokens"):
        before_after(tuned.folder, first, before=short.folder, metrics=["nll"])


def test_the_table_and_what_its_flags_refuse(runs, capsys, monkeypatch):
    _, tuned, _ = runs
    line = command(capsys, monkeypatch)
    done = line("evaluate", tuned.folder, "--against", "before", "--metrics", "nll")
    assert done.code == 0
    assert done.out.startswith("held-out answers are ")
    assert "nats a token likelier" in done.out
    for words, why in (
        (("--limit", "3"), "--limit goes with --tasks or with another model"),
        (("--plain", "x.txt"), "--plain goes with --tasks or with another model"),
        (("--against", "before", "--min", "nll=2"), "--min is of one model; with --against leave"),
        (("--against", "no/such", "--metrics", "nll"), "no/such does not exist; expected a bundle"),
        (("--tasks", "mmlu-dev", "--plain", "x.txt"), "--plain is of data with metrics"),
    ):
        done = line("evaluate", tuned.folder, *words)
        assert done.code == 2, words
        assert why in done.err
        assert done.err.count("\n") == 1


@pytest.mark.place("llm/instruct")
def test_held_out_questions_are_answered_better_than_before(runs):
    base, tuned, other = runs
    before, after = (
        evaluate(one.folder, other, part="test", metrics=["nll", "rouge-l"]).metrics
        for one in (base, tuned)
    )
    assert after["nll"] < 0.5 * before["nll"]
    assert after["rouge-l"] > before["rouge-l"] + 0.5
    (said,) = generate(tuned.folder, ASKED, length=20)
    assert said.ended
    assert said.text.strip().startswith("Ask me")


def test_the_change_stands_apart_and_its_base_answers_as_before(runs):
    base, tuned, _ = runs
    again = as_signed(tuned.folder / "adapter")
    tokens = torch.randint(5, 290, (2, 9))
    assert torch.equal(again(tokens), load(tuned.folder).model(tokens))
    assert not torch.equal(again(tokens), load(base.folder).model(tokens))
    assert again.tokenizer == load(base.folder).model.tokenizer


def test_transformers_writes_the_same_from_the_exported_folder(runs, tmp_path):
    _, tuned, _ = runs
    export(load(tuned.folder), tmp_path / "hf", to="huggingface")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    reads = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    turns = [{"role": "user", "content": ASKED}]
    prompt = reads.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    with torch.no_grad():
        row = theirs.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)[0]
    (ours,) = generate(tuned.folder, ASKED, length=20)
    assert row[len(prompt) :].tolist() == list(ours.tokens)


def test_what_is_chosen_where_nobody_says(runs):
    base, _, other = runs
    plan = planned(str(base.folder), other, adapter="lora:rank=2")
    assert (plan.value("optimizer"), plan.value("epochs")) == ("adamw:lr=1e-3", 3)
    assert planned(str(base.folder), other).value("optimizer") == "adamw:lr=5e-5"


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("adapter", ["lora:rank=4,alpha=6,match=*attention*", "dora:rank=2"])
def test_peft_answers_the_same_from_the_exported_adapter(runs, tmp_path, adapter):
    base, _, other = runs
    said = {"epochs": 1, "optimizer": "adamw:lr=0.03", "adapter": adapter}
    tuned = train(str(base.folder), other, folder=tmp_path / "run", **said)
    export(load(base.folder), tmp_path / "hf", to="huggingface")
    export_adapter(tuned.folder / "adapter", tmp_path / "peft")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    theirs = peft.PeftModel.from_pretrained(theirs, tmp_path / "peft").eval()
    tokens = torch.randint(5, 290, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, found = load(tuned.folder).model(tokens), theirs(tokens).logits
        torch.testing.assert_close(ours, found, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(ours, load(base.folder).model(tokens), atol=1e-2)
        back = pretrained(f"hf:{tmp_path / 'peft'},onto={tmp_path / 'hf'}")
        torch.testing.assert_close(back(tokens), ours, rtol=1e-4, atol=1e-4)


def test_what_is_no_adapter_of_peft_is_refused(runs, tmp_path):
    base, tuned, other = runs
    with pytest.raises(UsageError, match="is no adapter; expected one, as RUN/adapter"):
        export_adapter(tuned.folder, tmp_path / "peft")
    said = {"epochs": 1, "adapter": "qlora:rank=2"}
    small = train(str(base.folder), other, folder=tmp_path / "run", **said)
    with pytest.raises(UsageError, match="of qlora, whose base is rounded"):
        export_adapter(small.folder / "adapter", tmp_path / "peft")
    assert not (tmp_path / "peft").exists()
