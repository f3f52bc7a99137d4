"""Task files: what is understood, and what is refused, key by key."""

from pathlib import Path

import pytest

from cartograd.apps.exams.exam import Match, Writes
from cartograd.apps.exams.prompts import questions
from cartograd.apps.exams.read import names, read
from cartograd.core.errors import UsageError

TASKS = Path(__file__).parent / "tasks"

WHOLE = """
task = "sums"
items = [{ q = "1 + 1?", a = "2" }, { q = "2 + 2?", a = "4" }]
doc_to_text = "{{q}}"
doc_to_target = "a"
"""


@pytest.fixture
def task(tmp_path):
    def write(text, name="task.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_task_in_toml_and_what_it_leaves_unsaid(task):
    exam = read(task(WHOLE))
    assert (exam.name, exam.kind, len(exam.items)) == ("sums", "generate_until", 2)
    assert (exam.metrics, exam.match, exam.repeats) == (("exact_match",), Match(), 1)
    assert exam.writes == Writes(until=("\n\n",), length=256, temperature=0.0)
    assert [one.truth for one in questions(exam)] == [("2",), ("4",)]
    assert len(read(task(WHOLE), limit=1).items) == 1
    assert read(task(WHOLE), shots=1).shots.count == 1


def test_items_alone_are_a_task_by_their_fields(task):
    kinds = {
        '{"question": "a", "choices": ["b", "c"], "answer": 1}': "multiple_choice",
        '{"question": "a", "answer": "b"}': "generate_until",
        '{"text": "a b"}': "loglikelihood_rolling",
    }
    for line, kind in kinds.items():
        assert read(task(f"{line}\n\n{line}\n", "own.jsonl")).kind == kind
    with pytest.raises(UsageError, match="items of x; expected question"):
        read(task('{"x": 1}', "own.jsonl"))
    with pytest.raises(UsageError, match="line 2 is no JSON"):
        read(task('{"text": "a"}\n{"text"', "own.jsonl"))
    with pytest.raises(UsageError, match="line 1 holds no object"):
        read(task("[1]", "own.jsonl"))
    with pytest.raises(UsageError, match="items of nothing"):
        read(task("", "own.jsonl"))


def test_a_file_of_the_harness_with_the_file_that_it_includes():
    exam = read(TASKS / "letters.yaml")
    assert (exam.name, exam.shots.count, exam.shots.first, exam.shots.own) == (
        "letters",
        2,
        True,
        True,
    )
    assert exam.choices == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("shots = 3", "unknown key of task.toml 'shots'"),
        ("num_fewshots = 3", "did you mean 'num_fewshot'"),
        ('process_docs = "f"', "process_docs is not understood: it is code"),
        ("repeats = 0", "repeats is 0; expected a whole number from 1"),
        ("repeats = true", "repeats is True; expected int"),
        ("num_fewshot = -1", "num_fewshot is -1"),
        ("num_fewshot = 2", "2 examples are wanted of 1"),
        ('output_type = "mc"', "unknown output_type"),
        ('output_type = "multiple_choice"', "multiple_choice needs doc_to_choice"),
        ("should_decontaminate = true", "should_decontaminate is not understood"),
        ("generation_kwargs = { untill = 'x' }", "did you mean 'until'"),
        ("generation_kwargs = { until = 3 }", "until is 3"),
        ("generation_kwargs = { max_gen_toks = 0 }", "max_gen_toks is 0"),
        ("generation_kwargs = { temperature = -1 }", "temperature is -1"),
        ("metric_list = [{ metric = 'bleu' }]", "unknown metric of generate_until"),
        ("metric_list = [{ metric = 'exact_match', ignore = true }]", "did you mean 'ignore_case'"),
        ("metric_list = [{ metric = 'exact_match', regexes_to_ignore = ['('] }]", "no regular exp"),
        ("filter_list = [{ name = 'x', filter = [{ function = 'eval' }] }]", "unknown function"),
        ("filter_list = [{ name = 'x', filter = 3 }]", "expected a list of functions"),
        (
            "filter_list = [{ filter = [{ function = 'regex', regex_pattern = '(' }] }]",
            "no regular expression",
        ),
        ("filter_list = [{ filter = [{ function = 'take_first_k' }] }]", "take_first_k needs k"),
        ("filter_list = [{ filter = [{ function = 'take_first', k = 1 }] }]", "no setting 'k'"),
        ("filter_list = [{ filter = [] }, { filter = [] }]", "two filters have one name"),
        ("fewshot_config = { sampler = 'best' }", "unknown sampler"),
        ("fewshot_config = { samples = 3 }", "expected a list of items"),
        ("judge = { rubric = 'x' }", "unknown key of judge"),
        ("judge = { pattern = 'x' }", "judge needs a prompt"),
        ("judge = { prompt = 'x', scores = { yes = 'a' } }", "expected a number for each verdict"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_name(task, more, told):
    with pytest.raises(UsageError, match=told.replace("(", r"\(")):
        questions(read(task(WHOLE + more)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WHOLE.replace("{{q}}", "{{question}}"), "'question' is undefined; the item has q, a"),
        (WHOLE.replace("{{q}}", "{{q"), "cannot be filled"),
        (WHOLE.replace("{{q}}", "{{ ''.__class__.__mro__ }}"), "cannot be filled"),
        (WHOLE.replace("items", "item"), "unknown key"),
        ('task = "a"', "dataset_path is None; data are read from files here"),
        (WHOLE.replace("[{ q", "3 #"), "items is 3"),
        ("items = 'no.jsonl'", "there is no file or folder"),
        ("items = []\n" + WHOLE.partition("]")[2], "has no items"),
        ("= 3", "is no TOML"),
        (
            WHOLE + "output_type = 'multiple_choice'\ndoc_to_choice = ['3', '5']",
            "the answer '2' is none of the 2 choices",
        ),
        (
            WHOLE + "output_type = 'multiple_choice'\ndoc_to_choice = 'q'",
            "is no list of choices",
        ),
    ],
)
def test_items_and_templates_that_do_not_fit_are_one_line(task, text, told):
    with pytest.raises(UsageError, match=told) as error:
        questions(read(task(text)))
    assert "\n" not in str(error.value)


def test_files_that_are_no_tasks(task, tmp_path):
    with pytest.raises(UsageError, match="unknown task 'mmlu-dec'; did you mean 'mmlu-dev'"):
        read("mmlu-dec")
    with pytest.raises(UsageError, match="there is no file or folder"):
        read(tmp_path / "no.toml")
    with pytest.raises(UsageError, match="is no task file"):
        read(task("x", "task.txt"))
    with pytest.raises(UsageError, match="code in a task file"):
        read(task("doc_to_text: !function utils.f", "task.yaml"))
    with pytest.raises(UsageError, match="holds no keys"):
        read(task("- 1", "task.yaml"))
    with pytest.raises(UsageError, match="include names 'no"):
        read(task("include: no.yaml", "task.yaml"))
    with pytest.raises(UsageError, match="unknown split"):
        read(task(
            "dataset_path: json\ntest_split: tests\ndataset_kwargs: {data_files: {test: x.jsonl}}",
            "task.yaml",
        ))  # fmt: skip
    with pytest.raises(UsageError, match="limit=0"):
        read(task(WHOLE), limit=0)
    assert names() == ["mmlu-dev", "mmlu-dev-cot", "mmlu-dev-text"]
