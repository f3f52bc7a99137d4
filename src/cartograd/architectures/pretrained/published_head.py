"""The head of a published model: which it is, what its classes are called, what its answers mean.

As transformers' pipelines read a configuration: `regression` gives values, several labels at once a
sigmoid for each, and so does a single label; else a softmax over all.
"""

from collections.abc import Mapping
from typing import Any

from cartograd.architectures.pretrained.published_config import shown
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature

PROBLEMS = ("regression", "single_label_classification", "multi_label_classification")
"""What `problem_type` may be."""


def head_of(config: Mapping[str, Any], heads: Mapping[str, str], /) -> str:
    """Our head for the model that the folder holds; the first of `heads` if it says nothing.

    Raises:
        UsageError: it is none of them, or there are several.
    """
    names = config.get("architectures") or [next(iter(heads))]
    if len(names) > 1:
        raise UsageError(f"config.json: architectures={shown(names)}; expected one")
    if names[0] not in heads:
        raise unknown(f"architectures of {config['model_type']}", names[0], list(heads))
    return heads[names[0]]


def labels(config: Mapping[str, Any], /) -> tuple[str, ...]:
    """Names of the classes; two without meaning if nothing is said.

    Raises:
        UsageError: they are not numbered from 0, or two are called the same.
    """
    named, count = config.get("id2label"), config.get("num_labels") or config.get("_num_labels")
    if named is None:
        return tuple(f"LABEL_{number}" for number in range(2 if count is None else count))
    if {*named} != {str(number) for number in range(len(named))} or not named:
        raise UsageError(
            f"config.json: id2label={shown(named)} does not number its classes; "
            'expected {"0": ..., "1": ...}'
        )
    names = [named[str(number)] for number in range(len(named))]
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"config.json: id2label={shown(named)} has a name that is no text")
    if count not in (None, len(names)):
        raise UsageError(
            f"config.json: num_labels={count}, and id2label names {len(names)}; which is right?"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        same = " and ".join(str(place) for place, name in enumerate(names) if name == twice)
        raise UsageError(
            f"config.json: id2label calls classes {same} {twice!r}; give each a name of its own"
        )
    return tuple(names)


def classes(config: Mapping[str, Any], /) -> Port:
    """What a head that classifies whole examples gives.

    Raises:
        UsageError: `problem_type` is unknown, or does not fit the labels.
    """
    problem, names = config.get("problem_type"), labels(config)
    if problem not in (None, *PROBLEMS):
        raise unknown("problem_type", problem, PROBLEMS, hint="(config.json)")
    if problem == "regression":
        return Port("value", "value", (len(names),), task="regress")
    if problem == "single_label_classification" and len(names) == 1:
        raise UsageError(
            f"config.json: problem_type={shown(problem)} with the one label {names[0]!r}; "
            "expected several labels, or regression"
        )
    several = problem == "multi_label_classification" or len(names) == 1
    task = "multi-label" if several else "classify"
    return Port("class", "label", (len(names),), labels=names, task=task)


def tags(config: Mapping[str, Any], /) -> Port:
    """What a head that classifies each token gives."""
    names = labels(config)
    return Port("tag", "label", ("t", len(names)), labels=names, task="tag")


def passages(config: Mapping[str, Any], /) -> Port:
    """What a head that finds the answer to a question gives: scores of its beginning and end.

    Raises:
        UsageError: it has another number of outputs than these two.
    """
    if len(labels(config)) != 2:
        raise UsageError(
            f"config.json: {len(labels(config))} labels for answers in a text; expected 2, the "
            "beginning and the end"
        )
    return Port("passage", "vector", ("t", 2), task="extract")


def pairs(config: Mapping[str, Any], /) -> Signature:
    """What any encoder-decoder that writes takes and gives."""
    size, padding = config["vocab_size"], config["pad_token_id"]
    given = tuple(
        Port(name, "text", ("t",), "int64", bounds=(0, size - 1), padding_id=padding)
        for name in ("source", "target")
    )
    return Signature(given, (Port("next", "label", ("t", size), task="translate"),))
