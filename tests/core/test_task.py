"""Tasks: named on ports, saved with them, and known by what they name."""

import json
from importlib import import_module

import pytest

from cartograd.core import registry, task
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec

TEXT = Port("text", "text", ("t",), "int64", (0, 8))
TARGET = Port("target", "text", ("t",), "int64", (0, 8))
SOUND = Port("sound", "audio", (1, "n"), rate=16000)
IMAGE = Port("image", "image", (1, 8, "x"))

NAMES = (
    *("classify", "multi-label", "regress", "score", "tag", "next-token", "masked-token", "ctc"),
    *("translate", "embed", "transcribe", "detect", "segment", "forecast", "rank", "density"),
    *("generate", "restore"),
)


def test_there_are_eighteen_tasks():
    assert set(task.names()) >= set(NAMES)
    assert len(NAMES) == 18


@pytest.mark.parametrize("name", NAMES)
def test_what_a_task_names_exists(name):
    found = task.find(name)
    assert found.name == name
    if found.objective is not None:
        registry.find(Spec.parse(found.objective).name, kind="objective")
    for metric in (*found.metrics, *found.metrics_of_many):
        registry.find(Spec.parse(metric).name, kind="metric")
    sections = import_module("cartograd.apps.report.run").ANSWERS
    assert set(found.sections) <= set(sections)
    module = import_module(found.answer)
    assert hasattr(module, "answers")
    assert found.objective or "train" in found.refusals
    assert found.metrics or found.sample_metrics or "evaluate" in found.refusals
    for metric in found.sample_metrics:
        registry.find(metric, kind="sample-metric")
    for metric in found.text_metrics:
        registry.find(metric, kind="text-metric")
    assert found.attacked or "attack" in found.refusals
    assert found.explained or "explain" in found.refusals
    assert set(found.refusals) <= {"train", "evaluate", "predict", "explain", "attack"}


@pytest.mark.parametrize("name", NAMES)
def test_a_task_names_what_explain_and_attack_work_on_or_declines(name):
    """Its own sentence says what the answers are; nothing else is tried."""
    found = task.find(name)
    for verb, number in (("explain", found.explained), ("attack", found.attacked)):
        if number is None:
            with pytest.raises(
                UsageError, match=r"this model answers with (a|an|the|boxes|ex|sev)"
            ):
                found.check(verb)
        else:
            assert number in ("class", "value", "similarity")
            assert verb not in found.refusals
            found.check(verb)


def test_a_task_without_a_sentence_declines_all_the_same():
    mine = task.Task("mine", "", "nowhere")
    for verb in ("explain", "attack"):
        with pytest.raises(UsageError, match=f"{verb} has nothing to work on .* task 'mine'"):
            mine.check(verb)
    mine.check("predict")


CLASSES = {
    ("classify", (3,)): 3,
    ("score", (1,)): 1,
    ("multi-label", (4,)): 4,
    ("tag", ("t", 5)): 5,
    ("ctc", ("t", 5)): 5,
    ("segment", (6, 8, 8)): 6,
    ("translate", ("t", 9)): 9,
    ("regress", (2,)): None,
    ("embed", (2,)): None,
    ("forecast", (4, 3)): None,
}


@pytest.mark.parametrize("kind", ["label", "value"])
@pytest.mark.parametrize(("name", "dims"), CLASSES)
def test_the_task_says_how_many_classes_there_are_not_the_kind(name, dims, kind):
    signature = Signature((TEXT,), (Port("y", kind, dims, task=name),))
    expected = CLASSES[name, dims]
    assert signature.classes == expected
    assert signature.target == task.find(name).target
    sized = {"embed": None, "regress": 2, "forecast": 12}.get(name, expected)
    assert signature.sizes().get("classes") == sized


def test_unknown_tasks_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'classify'"):
        Port("y", "label", (2,), task="clasify")
    with pytest.raises(UsageError, match="there is a task 'rank' already"):
        task.add(task.Task("rank", "", "nowhere"))


def test_one_answer_for_a_whole_example_needs_no_name():
    kinds = {"label": "classify", "value": "regress", "vector": "embed"}
    for kind, name in kinds.items():
        assert Signature((IMAGE,), (Port("y", kind, (2,)),)).task.name == name
    with pytest.raises(UsageError, match="names no task; expected one such as tag"):
        Signature((TEXT,), (Port("next token", "label", ("t", 9)),))


def old(inputs, output):
    """A signature as it was written before outputs named a task."""
    data = Signature(inputs, (output,)).to_json()
    for port in (*data["inputs"], *data["outputs"]):
        del port["task"]
    return json.loads(json.dumps(data))


@pytest.mark.parametrize(
    ("inputs", "name", "dims", "labels", "expected"),
    [
        ((IMAGE,), "y", (2,), ("", "yes"), "classify"),
        ((IMAGE,), "text", ("t", 3), ("", "a", "b"), "ctc"),
        ((IMAGE,), "y", ("t", 3), ("a", "b", "c"), "tag"),
        ((SOUND,), "speech", ("t", 1), ("speech",), "tag"),
        ((TEXT,), "next token", ("t", 9), (), "next-token"),
        ((TEXT,), "next", ("t", 9), (), "next-token"),
        ((TEXT,), "token", ("t", 9), (), "masked-token"),
        ((TEXT,), "word", ("t", 9), (), "masked-token"),
        ((TEXT,), "part of speech", ("t", 3), ("a", "b", "c"), "tag"),
        ((TEXT,), "token", (3,), ("a", "b", "c"), "classify"),
        ((TEXT, TARGET), "next", ("t", 9), (), "translate"),
        ((SOUND, TARGET), "next", ("t", 9), (), "transcribe"),
    ],
)
def test_signatures_of_old_are_converted_once(inputs, name, dims, labels, expected):
    found = Signature.from_json(old(inputs, Port(name, "label", dims, labels=labels, task="tag")))
    assert found.task.name == expected
    again = Signature.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found


def test_a_saved_task_is_not_guessed_again():
    """The ports look like a language model's; what is written down counts."""
    signature = Signature((TEXT,), (Port("next token", "label", ("t", 9), task="tag"),))
    assert Signature.from_json(signature.to_json()).task.name == "tag"


def test_other_old_outputs():
    assert Signature.from_json(old((IMAGE,), Port("y", "value", (1,)))).task.name == "regress"
    assert Signature.from_json(old((IMAGE,), Port("y", "vector", (3,)))).task.name == "embed"
    with pytest.raises(UsageError, match="kind 'image' names no task"):
        _ = Signature.from_json(old((IMAGE,), IMAGE)).task


def test_objectives_for_each_position_are_not_for_whole_examples():
    for name in ("label-tokens", "masked-language-model", "ctc", "crf", "scheduled-sampling"):
        assert not task.find("classify").takes(name)
        assert task.find("tag").takes(name)
    assert task.find("classify").takes("perceptron-rule")


def test_only_values_in_a_unit_and_classes_are_targets():
    found = {name: task.find(name).target for name in NAMES}
    assert {name for name, target in found.items() if target == "value"} == {"regress", "forecast"}
    assert all((target == "class") <= (name != "multi-label") for name, target in found.items())
    assert {name for name, target in found.items() if target == "example"} == {
        "density",
        "generate",
    }
    assert {found[name] for name in ("embed", "rank")} == {None}
    assert found["detect"] == "boxes"
