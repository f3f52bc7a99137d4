"""The same numbers as lm-evaluation-harness 0.4.13 on the same items, model and task files.

Its figures are kept (`lm_eval_figures.json`; `lm_eval_figures.py` says how they were made).
"""

import json
from pathlib import Path

import pytest

from cartograd.apps.exams.sit import examine
from tests.apps.exams.tiny import folder

HERE = Path(__file__).parent
KEPT = json.loads((HERE / "lm_eval_figures.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    model = folder(tmp_path_factory.mktemp("tiny") / "model")
    files = [HERE / "tasks" / f"{task}.yaml" for task in KEPT]
    return dict(zip(KEPT, examine(f"hf:{model}", files), strict=True))


@pytest.mark.parametrize("task", list(KEPT))
@pytest.mark.place("llm/prompting")
def test_figures_are_those_of_the_harness(results, task):
    theirs, ours = KEPT[task], results[task]
    assert set(ours.figures) == set(theirs["figures"])
    for name, value in theirs["figures"].items():
        figure = ours.figures[name]
        assert figure.value == pytest.approx(value, rel=1e-6)
        if name in theirs["errors"] and figure.error is not None:
            assert figure.error == pytest.approx(theirs["errors"][name], rel=1e-9)
        assert figure.low <= figure.value <= figure.high


@pytest.mark.parametrize("task", list(KEPT))
@pytest.mark.place("llm/prompting")
def test_each_answer_is_that_of_the_harness(results, task):
    for answer, theirs in zip(results[task].answers, KEPT[task]["answers"], strict=True):
        if answer.logs and task != "texts":
            logs = [choice[0][0] for choice in theirs]
            assert answer.logs == pytest.approx(logs, rel=1e-5)
        elif answer.logs:
            assert answer.logs[0] == pytest.approx(theirs[0][0], rel=1e-5)
        else:
            assert list(answer.texts) == theirs[0]


@pytest.mark.parametrize("task", ["choices", "drawn", "letters", "endings", "written"])
@pytest.mark.place("llm/prompting")
def test_prompts_are_to_the_letter_those_of_the_harness(results, task):
    for answer, theirs in zip(results[task].answers, KEPT[task]["prompts"], strict=True):
        first = theirs["gen_args_0"]["arg_0"] if isinstance(theirs, dict) else theirs[0][0]
        assert answer.prompt == first
