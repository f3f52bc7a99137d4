"""The keys of a task file: those of lm-evaluation-harness, each understood or refused by its name.

What runs code from a file (`!function`, `process_docs`, `process_results`) is refused; ours beyond
these are `items`, the items themselves or their file, and `judge`.

References:
    Leo Gao et al. The language model evaluation harness, version 0.4.13. 2026.
    https://github.com/EleutherAI/lm-evaluation-harness/blob/main/docs/task_guide.md
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.apps.exams.exam import (
    KINDS,
    METRICS,
    Exam,
    Item,
    Match,
    Pipeline,
    Rubric,
    Shots,
    Writes,
)
from cartograd.apps.exams.filters import checked, pattern
from cartograd.core.errors import UsageError, unknown

KEYS: dict[str, tuple[type, ...]] = {
    "task": (str,), "task_alias": (str,), "tag": (str, list), "metadata": (dict,),
    "items": (str, list), "dataset_path": (str,), "dataset_name": (str, type(None)),
    "dataset_kwargs": (dict,), "training_split": (str,), "validation_split": (str,),
    "test_split": (str,), "fewshot_split": (str,), "output_type": (str,), "doc_to_text": (str,),
    "doc_to_target": (str, int, list), "doc_to_choice": (str, list, dict), "description": (str,),
    "target_delimiter": (str,), "fewshot_delimiter": (str,), "gen_prefix": (str,),
    "num_fewshot": (int, type(None)), "fewshot_config": (dict,), "generation_kwargs": (dict,),
    "repeats": (int,), "filter_list": (list,), "metric_list": (list,), "judge": (dict,),
    "should_decontaminate": (bool,), "doc_to_decontamination_query": (str,),
}  # fmt: skip
"""What a file may say, and of which types."""

REFUSED = {
    "process_docs": "it is code; prepare the items and write them down",
    "process_results": "it is code; choose figures of metric_list",
    "custom_dataset": "it is code; give items or data_files",
    "use_prompt": "prompts of other packages are not read; write doc_to_text",
    "unsafe_code": "no code of a model is run; leave it out",
    "doc_to_image": "language models are asked; leave it out",
    "doc_to_audio": "language models are asked; leave it out",
    "group": "a group names further files; give these",
}
"""Keys of lm-evaluation-harness that are not understood, and what to do instead."""

LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
WRITES = ("until", "do_sample", "temperature", "top_p", "top_k", *LENGTHS)
SHOTS = ("sampler", "split", "samples", "doc_to_text", "doc_to_target")
MATCH = ("ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore")
JUDGE = ("prompt", "pattern", "scores", "max_gen_toks")


def exam_of(
    said: Mapping[str, Any], items: Sequence[Item], pool: Sequence[Item] | None, where: str, /
) -> Exam:
    """An exam from what a file says.

    Args:
        said: the file's keys.
        items: what is asked.
        pool: where examples are taken from, if not from the items.
        where: the file, for messages.

    Raises:
        UsageError: a key is unknown, refused, of the wrong type or missing; which one.
    """
    check(said, where)
    kind = said.get("output_type", "generate_until")
    if kind not in KINDS:
        raise unknown(f"output_type of {where}", str(kind), KINDS, every=True)
    if not items:
        raise UsageError(f"{where} has no items; expected at least one")
    _needed(said, kind, where)
    rubric = _rubric(said["judge"], where) if "judge" in said else None
    metrics, match = _metrics(said.get("metric_list"), kind, where)
    if rubric is not None:
        metrics = ("judge",) if "metric_list" not in said else (*metrics, "judge")
    apart = said.get("fewshot_delimiter", "\n\n")
    shots = _shots(said, items, pool, where)
    if kind == "loglikelihood_rolling" and shots.count:
        raise UsageError(f"{where}: whole texts have no examples before them; num_fewshot is 0")
    return Exam(
        name=said.get("task", where), kind=kind, items=tuple(items),
        text=said.get("doc_to_text", ""), target=said.get("doc_to_target", ""),
        choices=said.get("doc_to_choice"), description=said.get("description", ""),
        between=said.get("target_delimiter", " "), apart=apart, prefix=said.get("gen_prefix"),
        shots=shots, writes=_writes(said.get("generation_kwargs"), apart, where),
        repeats=_least(said.get("repeats", 1), "repeats", where),
        pipelines=_pipelines(said.get("filter_list"), where),
        metrics=metrics, match=match, rubric=rubric,
    )  # fmt: skip


def check(said: Mapping[str, Any], where: str, /) -> None:
    """Refuse keys that are not understood, and values of another type.

    Raises:
        UsageError: which one, and what to do.
    """
    for key, value in said.items():
        if key in REFUSED:
            raise UsageError(f"{where}: {key} is not understood: {REFUSED[key]}")
        if key not in KEYS:
            raise unknown(f"key of {where}", key, KEYS)
        if not isinstance(value, KEYS[key]) or (isinstance(value, bool) and bool not in KEYS[key]):
            words = " or ".join(kind.__name__ for kind in KEYS[key])
            raise UsageError(f"{where}: {key} is {value!r:.60}; expected {words}")
    if said.get("should_decontaminate"):
        raise UsageError(f"{where}: should_decontaminate is not understood; leave it out")


def _needed(said: Mapping[str, Any], kind: str, where: str) -> None:
    """Refuse a file that does not say what its kind needs."""
    wanted: dict[str, tuple[str, ...]] = {
        "multiple_choice": ("doc_to_text", "doc_to_choice", "doc_to_target"),
        "loglikelihood": ("doc_to_text", "doc_to_target"),
        "generate_until": ("doc_to_text", *([] if "judge" in said else ["doc_to_target"])),
    }
    lacks = [key for key in wanted.get(kind, ()) if key not in said]
    if kind == "loglikelihood_rolling" and not {"doc_to_text", "doc_to_target"} & set(said):
        lacks = ["doc_to_target"]
    if lacks:
        raise UsageError(f"{where}: {kind} needs {', '.join(lacks)}")


def known(said: Mapping[str, Any], keys: Sequence[str], of: str, where: str, /) -> None:
    """Refuse keys of a part of the file that are not understood.

    Raises:
        UsageError: which one.
    """
    if not isinstance(said, Mapping):
        raise UsageError(f"{where}: {of} holds {said!r:.60}; expected keys with values")
    for key in said:
        if key not in keys:
            raise unknown(f"key of {of} in {where}", str(key), keys)


def _least(value: Any, key: str, where: str, least: int = 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{where}: {key} is {value!r}; expected a whole number from {least}")
    return value


def _writes(said: Mapping[str, Any] | None, apart: str, where: str) -> Writes:
    if said is None:
        return Writes(until=(apart,))
    known(said, WRITES, "generation_kwargs", where)
    until = said.get("until", [apart])
    until = [until] if isinstance(until, str) else until
    if not isinstance(until, list) or not all(isinstance(one, str) for one in until):
        raise UsageError(f"{where}: until is {until!r:.60}; expected a text or a list of texts")
    length = next((said[key] for key in LENGTHS if key in said), 256)
    warmth = said.get("temperature", 1.0 if said.get("do_sample") else 0.0)
    if not isinstance(warmth, int | float) or isinstance(warmth, bool) or warmth < 0:
        raise UsageError(f"{where}: temperature is {warmth!r}; expected a number from 0")
    sampled = said.get("do_sample", warmth > 0)
    return Writes(
        until=tuple(one for one in until if one),
        length=_least(length, "max_gen_toks", where),
        temperature=float(warmth) if sampled else 0.0,
        top_p=said.get("top_p"), top_k=said.get("top_k"),
    )  # fmt: skip


def _shots(
    said: Mapping[str, Any], items: Sequence[Item], pool: Sequence[Item] | None, where: str
) -> Shots:
    count = _least(said.get("num_fewshot") or 0, "num_fewshot", where, 0)
    more = said.get("fewshot_config", {})
    known(more, SHOTS, "fewshot_config", where)
    if (sampler := more.get("sampler", "default")) not in ("default", "first_n"):
        raise unknown(f"sampler of {where}", str(sampler), ("default", "first_n"), every=True)
    samples = more.get("samples", pool)
    if samples is not None and (
        not isinstance(samples, Sequence) or not all(isinstance(one, Mapping) for one in samples)
    ):
        raise UsageError(f"{where}: samples is {samples!r:.60}; expected a list of items")
    # As lm-evaluation-harness has it, the items may be among the examples where both come from one
    # split, or where neither names one.
    split = more.get("split", said.get("fewshot_split"))
    own = samples is None or split == said.get("test_split")
    return Shots(
        count=count, pool=tuple(items if samples is None else samples), own=own,
        first=sampler == "first_n", text=more.get("doc_to_text"), target=more.get("doc_to_target"),
    )  # fmt: skip


def _pipelines(said: Sequence[Any] | None, where: str) -> tuple[Pipeline, ...]:
    if said is None:
        return (checked("none", [{"function": "take_first"}], where),)
    found = []
    for one in said:
        known(one, ("name", "filter"), "filter_list", where)
        steps = one.get("filter")
        if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
            raise UsageError(f"{where}: a filter is {steps!r:.60}; expected a list of functions")
        found.append(checked(str(one.get("name", "none")), steps, where))
    if len({one.name for one in found}) < len(found):
        raise UsageError(f"{where}: two filters have one name; give each its own")
    return tuple(found)


def _metrics(said: Sequence[Any] | None, kind: str, where: str) -> tuple[tuple[str, ...], Match]:
    if said is None:
        return METRICS[kind], Match()
    names, match = [], Match()
    for one in said:
        known(one, ("metric", "aggregation", "higher_is_better", *MATCH), "metric_list", where)
        name = one.get("metric")
        if name not in METRICS[kind]:
            raise unknown(f"metric of {kind} in {where}", str(name), METRICS[kind], every=True)
        names.append(name)
        without = one.get("regexes_to_ignore") or []
        if any(key in one for key in MATCH):
            match = Match(
                bool(one.get("ignore_case")), bool(one.get("ignore_punctuation")),
                bool(one.get("ignore_numbers")), tuple(pattern(x, where) for x in without),
            )  # fmt: skip
    return tuple(names), match


def _rubric(said: Mapping[str, Any], where: str) -> Rubric:
    known(said, JUDGE, "judge", where)
    if not isinstance(said.get("prompt"), str):
        raise UsageError(f"{where}: judge needs a prompt, with {{{{ answer_given }}}} in it")
    scores = said.get("scores", Rubric("").scores)
    if not isinstance(scores, Mapping) or not all(
        isinstance(one, int | float) for one in scores.values()
    ):
        raise UsageError(f"{where}: scores is {scores!r:.60}; expected a number for each verdict")
    return Rubric(
        said["prompt"],
        pattern(said.get("pattern", Rubric("").pattern), where),
        {str(key).lower(): float(value) for key, value in scores.items()},
        _least(said.get("max_gen_toks", 64), "max_gen_toks", where),
    )
