"""Task files: TOML, YAML or JSON lines, and the tasks that come with the package by name."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from cartograd.apps.exams.exam import Exam, Item
from cartograd.apps.exams.keys import check, exam_of
from cartograd.apps.exams.limits import names as curves
from cartograd.apps.exams.refusals import names as refusals
from cartograd.apps.exams.worked import WORKED, worked
from cartograd.core.errors import UsageError, first_line, unknown
from cartograd.core.paths import is_there, looks_like_path, no_such_path

ENDINGS = (".toml", ".yaml", ".yml", ".jsonl")

LINES: tuple[tuple[set[str], dict[str, Any]], ...] = (
    (
        {"question", "choices", "answer"},
        {"output_type": "multiple_choice", "doc_to_text": "Question: {{question}}\nAnswer:",
         "doc_to_choice": "choices", "doc_to_target": "answer"},
    ),
    (
        {"question", "answer"},
        {"output_type": "generate_until", "doc_to_text": "Question: {{question}}\nAnswer:",
         "doc_to_target": "answer", "generation_kwargs": {"until": ["\n"], "max_gen_toks": 64},
         "filter_list": [{"name": "none", "filter": [
             {"function": "remove_whitespace"}, {"function": "take_first"}]}]},
    ),
    ({"text"}, {"output_type": "loglikelihood_rolling", "doc_to_target": "text"}),
)  # fmt: skip
"""What a file of items alone is, by the fields of its items."""


def names() -> list[str]:
    """The tasks that come with the package."""
    folder = files("cartograd.apps.exams") / "tasks"
    return sorted(one.name[:-5] for one in folder.iterdir() if one.name.endswith(".toml"))


def read(task: str | Path, /, *, shots: int | None = None, limit: int | None = None) -> Exam:
    """An exam of a file, or of one of `names()`.

    Args:
        task: a file of keys (`.toml`, `.yaml`), a file of items (`.jsonl`), or a name.
        shots: worked examples before each item, whatever the file says.
        limit: only so many of the items, the first ones.

    Raises:
        UsageError: there is none, or a key of it is not understood.
    """
    for value, word in ((shots, "shots"), (limit, "limit")):
        if value is not None and value < (word == "limit"):
            raise UsageError(
                f"{word}={value} is out of range; expected at least {word == 'limit':d}"
            )
    path = _path(task)
    said = _said(path)
    if shots is not None:
        said = said | {"num_fewshot": shots}
    where = path.name
    if path.suffix != ".jsonl":
        said.setdefault("task", path.stem)
    check(said, where)
    items, pool = _items(said, path)
    exam = exam_of(said, items, pool, where)
    return exam if limit is None else replace(exam, items=exam.items[:limit])


def _path(task: str | Path) -> Path:
    own = files("cartograd.apps.exams") / "tasks" / f"{task}.toml"
    if isinstance(task, str) and not is_there(task) and own.is_file():
        return Path(str(own))
    path = Path(task)
    if not path.is_file():
        if isinstance(task, str) and not looks_like_path(task):
            raise unknown(
                "task", task, [*names(), *curves(), *refusals()], hint="Or give a task file."
            )
        raise no_such_path(str(task))
    if path.suffix not in ENDINGS and not path.name.endswith("yaml"):
        raise UsageError(f"{path} is no task file; expected one in {', '.join(ENDINGS)}")
    return path


def _said(path: Path) -> dict[str, Any]:
    """The keys of a file, with those of the file that it includes below them."""
    if path.suffix == ".jsonl":
        items = lines(path)
        fields = set(items[0]) if items else set()
        for wanted, keys in LINES:
            if wanted <= fields:
                return keys | {"task": path.stem, "items": items}
        raise UsageError(
            f"{path}: items of {', '.join(sorted(fields)) or 'nothing'}; expected question, "
            "choices and answer, or question and answer, or text; or write a task file"
        )
    said = _toml(path) if path.suffix == ".toml" else _yaml(path)
    if not isinstance(said, dict):
        raise UsageError(f"{path} holds no keys; expected task, doc_to_text and others")
    above = said.pop("include", None)
    if above is None:
        return said
    base = path.parent / str(above)
    if base == path or not base.is_file():
        raise UsageError(f"{path}: include names {above!r}, which is no file beside it")
    return _said(base) | said


def _toml(path: Path) -> Any:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from error


def _yaml(path: Path) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UsageError(
            f"{path} needs the package 'pyyaml': pip install 'cartograd[text]'; or write it as TOML"
        ) from error
    try:
        return yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        code = "; code in a task file (!function) is not run" if "!function" in told else ""
        raise UsageError(f"{path} is not understood: {told}{code}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {first_line(error)}") from error


def lines(path: Path, /) -> list[Item]:
    """The items of a file, one JSON object a line.

    Raises:
        UsageError: a line is none; its number.
    """
    found = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, line {number} is no JSON: {first_line(error)}") from error
        if not isinstance(item, dict):
            raise UsageError(
                f"{path}, line {number} holds no object; expected the fields of an item"
            )
        found.append(item)
    return found


def _items(said: Mapping[str, Any], path: Path) -> tuple[list[Item], list[Item] | None]:
    """What is asked, and where examples are taken from if that is elsewhere."""
    if "items" in said:
        given = said["items"]
        if given == WORKED:
            return worked(), None
        items = lines(_beside(path, given)) if isinstance(given, str) else given
        if not all(isinstance(one, Mapping) for one in items):
            raise UsageError(f"{path}: items holds something else than fields with values")
        return items, None
    if said.get("dataset_path") != "json":
        raise UsageError(
            f"{path}: dataset_path is {said.get('dataset_path')!r}; data are read from files here: "
            'give items, or dataset_path "json" with dataset_kwargs.data_files'
        )
    held = said.get("dataset_kwargs", {}).get("data_files")
    of = {"train": held} if isinstance(held, str | list) else held
    if not isinstance(of, Mapping) or set(said["dataset_kwargs"]) != {"data_files"}:
        raise UsageError(f"{path}: dataset_kwargs has to hold data_files alone, a file by split")
    asked = said.get("test_split") or said.get("validation_split")
    shown = said.get("fewshot_config", {}).get("split") or said.get("fewshot_split")
    for split in (asked, shown):
        if split is not None and split not in of:
            raise unknown(f"split of {path.name}", str(split), of, every=True)
    if asked is None:
        raise UsageError(f"{path}: test_split or validation_split has to say which items are asked")
    pool = None if shown in (None, asked) else _split(of[shown], path)
    return _split(of[asked], path), pool


def _split(given: Any, path: Path) -> list[Item]:
    several = [given] if isinstance(given, str) else given
    return [item for one in several for item in lines(_beside(path, str(one)))]


def _beside(path: Path, name: str) -> Path:
    """A file that a task file names, from where that stands."""
    found = path.parent / name
    if not found.is_file():
        raise no_such_path(str(found))
    return found
