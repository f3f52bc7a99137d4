r"""What is made of the texts that a model wrote before they are compared: functions by name.

>>> steps = (("regex", {"regex_pattern": r"answer is (\d+)"}), ("majority_vote", {}))
>>> through(Pipeline("vote", steps), ["the answer is 4", "I say 5", "so the answer is 4."])
'4'
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cartograd.apps.exams.exam import Pipeline
from cartograd.architectures.decoding.self_consistency import self_consistency
from cartograd.core.errors import UsageError, unknown

NOTHING = "[invalid]"
"""What stands for an answer that a pattern does not find."""

Texts = list[str]


def _regex(texts: Texts, said: Mapping[str, Any]) -> Texts:
    pattern = re.compile(said.get("regex_pattern", r"#### (\-?[0-9\.\,]+)"))
    group, fallback = said.get("group_select", 0), said.get("fallback", NOTHING)
    found = []
    for text in texts:
        hits = pattern.findall(text)
        hit = hits[group] if -len(hits) <= group < len(hits) else fallback
        if isinstance(hit, tuple):
            hit = next((part for part in hit if part), fallback)
        found.append(hit.strip() if hits else hit)
    return found


FUNCTIONS: dict[str, Callable[[Texts, Mapping[str, Any]], Texts]] = {
    "regex": _regex,
    "take_first": lambda texts, _: texts[:1],
    "take_first_k": lambda texts, said: texts[: said["k"]],
    "majority_vote": lambda texts, _: [str(self_consistency(texts).answer)],
    "lowercase": lambda texts, _: [text.lower() for text in texts],
    "uppercase": lambda texts, _: [text.upper() for text in texts],
    "remove_whitespace": lambda texts, _: [text.strip() for text in texts],
    "map": lambda texts, said: [
        said["mapping_dict"].get(text, said.get("default_value")) for text in texts
    ],
}  # fmt: skip
"""By the names of lm-evaluation-harness."""

SETTINGS: dict[str, tuple[str, ...]] = {
    "regex": ("regex_pattern", "group_select", "fallback"),
    "take_first_k": ("k",),
    "map": ("mapping_dict", "default_value"),
}
"""What each may be told."""

NEEDED = {"take_first_k": "k", "map": "mapping_dict"}


def through(pipeline: Pipeline, texts: Sequence[str], /) -> str:
    """The one text that is compared, of all that were written for an item."""
    found = list(texts)
    for name, said in pipeline.steps:
        found = FUNCTIONS[name](found, said)
    return str(found[0])


def checked(name: str, steps: Sequence[Mapping[str, Any]], where: str, /) -> Pipeline:
    """A pipeline as it stands in a file.

    Raises:
        UsageError: an unknown function or setting, or a pattern that is none.
    """
    found = []
    for step in steps:
        said = dict(step)
        function = said.pop("function", None)
        if function not in FUNCTIONS:
            raise unknown(f"function of the filter {name!r} of {where}", str(function), FUNCTIONS)
        for key in said:
            if key not in SETTINGS.get(function, ()):
                known = ", ".join(SETTINGS.get(function, ())) or "none"
                raise UsageError(f"{where}: {function} has no setting {key!r}; it has {known}")
        if NEEDED.get(function, "") not in ("", *said):
            raise UsageError(f"{where}: {function} needs {NEEDED[function]}")
        if "regex_pattern" in said:
            pattern(said["regex_pattern"], where)
        found.append((function, said))
    return Pipeline(name, tuple(found))


def pattern(text: Any, where: str, /) -> str:
    """A regular expression as it stands in a file.

    Raises:
        UsageError: it is none.
    """
    try:
        re.compile(text)
    except (re.error, TypeError) as error:
        raise UsageError(f"{where}: {text!r} is no regular expression: {error}") from error
    return text
