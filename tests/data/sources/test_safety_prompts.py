"""Requests with labels: from which collections, on which side of the test."""

import json
from collections import Counter

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.safety_prompts import (
    ANSWERS,
    REFUSALS,
    answers,
    labelled_refusals,
    look_alikes,
    requests,
    safety_prompts,
)
from cartograd.data.store import packages


def files(folder, count=24):
    """Files as the collections write theirs, with harmless words."""
    folder.mkdir(exist_ok=True)

    def lines(name, rows):
        (folder / name).write_text("\n".join(map(json.dumps, rows)) + "\n")

    for name in ("information_hazard", "malicious_uses", "discrimination"):
        lines(
            f"{name}.jsonl",
            [{"prompt": f"How to do {name} {i}?", "intents": []} for i in range(count)],
        )
    own = [{"prompt": f"I feel tired {i}", "intents": ["S006"]} for i in range(count)]
    lines("human_chatbox.jsonl", [*own, {"prompt": "left out", "intents": ["S006sh"]}])
    fields = ("Finance & Business", "Education")
    tasks = [{"query": f"Write about {one} {i}. " + "More words. " * 30, "domain1": one}
             for one in fields for i in range(count)]  # fmt: skip
    lines("writing.jsonl", [*tasks, {"query": "写一篇文章", "domain1": "Education"}])
    talks = "".join(f'- - "What is {i}?"\n  - A number.\n' for i in range(count))
    (folder / "chatterbot").mkdir(exist_ok=True)
    (folder / "chatterbot" / "talk.yml").write_text(f"categories:\n- talk\nconversations:\n{talks}")
    seeds = "".join(
        f"- value: 'Do it''s thing {i}\n    at length'\n  data_type: text\n" for i in range(count)
    )
    (folder / "adv_bench.yaml").write_text(f"dataset_name: x\nseeds:\n{seeds}")
    told = [f"Do behaviour {i}" for i in range(count)]
    (folder / "harmbench.txt").write_text(
        "\n".join(["# a note", *told, "How to do malicious_uses 0?"])
    )
    asked = "".join(f'{i},TEST,"Who, then, is {i}?"\n' for i in range(count))
    (folder / "fresh_qa.csv").write_text(f"a warning,,\nid,split,question\n{asked}")
    told = "# dataset_version=1.0,,\nobjective,assistant_response,human_score_1,human_score_2\n"
    judged = f'{told}ask,"Yes, do.",1,0.5\nask,No.,0,0.25\nask,"Yes, do.",0,0\nask,unjudged,,\n'
    (folder / "answers").mkdir(exist_ok=True)
    for name in ANSWERS:
        (folder / "answers" / f"{name}.csv").write_text(judged.replace("do.", f"{name}."))
    for name, notes in zip(REFUSALS, ("", "# of others\n# and more\n"), strict=True):
        told = "objective,assistant_response,human_score\nask,I can't.,1\nask,Sure.,0\n"
        (folder / f"{name}.csv").write_text(f"# dataset_version=1.0\n{notes}{told}")
    return folder


def subject(folder):
    """Small files for the conformance tests."""
    return (files(folder),), {"vocabulary": 300, "context": 32}


@pytest.mark.law("safety-prompts")
def test_each_request_once_with_its_label(tmp_path):
    found = requests(files(tmp_path))
    assert Counter((one.source, one.harmful, one.test) for one in found) == {
        ("Do-Not-Answer", True, False): 72,
        ("Do-Not-Answer, people of themselves", False, False): 24,
        ("ChatterBot", False, False): 24,
        ("WritingBench", False, False): 24,
        ("AdvBench", True, True): 24,
        ("HarmBench", True, True): 24,
        ("FreshQA", False, True): 24,
        ("WritingBench, other fields", False, True): 24,
    }
    texts = [one.text for one in found]
    assert len(set(texts)) == len(texts)
    assert "Do it's thing 3 at length" in texts
    assert "What is 3?" in texts
    assert "Who, then, is 3?" in texts
    assert not {"left out", "写一篇文章", "# a note"} & set(texts)
    assert max(len(one.split()) for one in texts) <= 40


@pytest.mark.law("safety-prompts")
@pytest.mark.place("llm/safety")
def test_the_test_is_of_other_collections(tmp_path):
    data = safety_prompts(files(tmp_path), context=32, vocabulary=300)
    sources = [
        {name.rpartition(" ")[0] for name in part.names}
        for part in (data.train, data.valid, data.test)
    ]
    assert sources[0] == sources[1]
    assert not sources[0] & sources[2]
    assert sources[2] == {"AdvBench", "HarmBench", "FreshQA", "WritingBench, other fields"}
    assert data.signature.output.labels == ("harmless", "harmful")
    assert data.signature.output.positive == "harmful"
    assert data.test.targets.float().mean() == 0.5
    assert data.train.inputs.shape[1] <= 32


def test_answers_have_the_mean_of_people_s_scores(tmp_path):
    found = answers(files(tmp_path))
    assert len(found) == len(ANSWERS) + 1
    assert ("Yes, violence.", True) in found
    assert ("No.", False) in found
    (tmp_path / "answers" / "sexual.csv").unlink()
    with pytest.raises(UsageError, match=r"cannot read .*sexual\.csv"):
        answers(tmp_path)


def test_the_first_score_of_an_answer_counts(tmp_path):
    first, second = (files(tmp_path) / "answers" / f"{name}.csv" for name in ANSWERS[:2])
    wanted = answers(tmp_path)
    told = first.read_text().splitlines()[:3]
    second.write_text("\n".join([*told[:2], told[2].replace("1,0.5", "0,0"), "ask,New.,1,1"]))
    found = answers(tmp_path)
    assert found[:2] == wanted[:2]
    assert found[2] == ("New.", True)


def test_people_s_labels_of_refusals(tmp_path):
    folder = files(tmp_path)
    for name in REFUSALS:
        assert labelled_refusals(name, folder) == [("I can't.", True), ("Sure.", False)]
    with pytest.raises(UsageError, match="did you mean 'refusal'"):
        labelled_refusals("refusals", folder)
    (folder / "refusal.csv").unlink()
    with pytest.raises(UsageError, match=r"cannot read .*refusal\.csv"):
        labelled_refusals("refusal", folder)


def test_look_alikes_are_questions_each_once():
    found = look_alikes()
    assert len(found) == len(set(found)) == 68
    assert all(one.endswith((".", "?")) and one[0].isupper() for one in found)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(
        UsageError, match=r"cannot read .*information_hazard.*data get safety-prompts"
    ):
        safety_prompts(tmp_path)
    (files(tmp_path) / "fresh_qa.csv").write_text("id,said\n1,x\n")
    with pytest.raises(UsageError, match="no column question"):
        safety_prompts(tmp_path)


def test_the_real_ones():
    if packages.show("safety-prompts").path is None:
        pytest.skip("safety-prompts has not been fetched")
    found = Counter(one.source for one in requests())
    assert found["AdvBench"] == 520
    assert found["HarmBench"] == 200
    assert found["FreshQA"] == 600
    assert found["Do-Not-Answer"] == 666
