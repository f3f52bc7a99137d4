"""What may come next after a command: its last line, a command that runs as it is printed.

From data to a model that answers: check, train, evaluate, explain, export, serve; from what is
known of a model to its audit; from a smaller model to the question whether it may replace the one
before. Verbs that end with an answer of their own name none.
"""

from collections.abc import Collection
from glob import escape
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from cartograd.core.language import said

if TYPE_CHECKING:
    from cartograd.apps.results.data_card import DataCard
    from cartograd.core.ports import Signature

EXPLAINED = ("classify", "regress")
"""Tasks whose runs every verb of the way takes as they are."""

OF_VALUES = ("--margin", "r2=0.01")
"""How much worse a model of values may be; of classes `replace` has a margin of its own."""

CHATTING = "smollm2"
"""The weights that chats are learned with, unless a model is named."""


def following(*words: object) -> list[tuple[str, str]]:
    """The last line of a result: `cartograd WORDS`, quoted for a shell.

    >>> following("evaluate", "runs/my net-1")
    [('what next', "cartograd evaluate 'runs/my net-1'")]
    """
    return [(said("what next"), line(*words))]


def line(*words: object) -> str:
    """`cartograd WORDS` as bash and zsh read it.

    >>> line("train", "mlp:widths=[8]", "--data", "=a.csv", "--set", "epochs=3")
    "cartograd train 'mlp:widths=[8]' --data '=a.csv' --set epochs=3"
    """
    return " ".join(["cartograd", *map(quoted, words)])


def quoted(word: object, /) -> str:
    """A word for a shell; zsh puts a program's path in place of `=NAME`."""
    text = str(word)
    return f"'{text}'" if text.startswith("=") and "'" not in text else quote(text)


def of_data(data: str, target: str | None, card: "DataCard", /) -> list[tuple[str, str]]:
    """After a look at data: a training, or the look again with the column that it lacked."""
    told = ["--target", target] if target is not None else []
    if card.source == "chats" and not _is_here(CHATTING):
        return following("data", "get", CHATTING)
    if all(one.severity != "stop" for one in card.findings):
        return following("train", "--data", data, *told)
    lacks = [one.mend for one in card.findings if one.mend.startswith("--target ")]
    if not lacks:
        return []
    flag, _, column = lacks[0].partition(" ")
    return following("data", "check", data, flag, column)


def of_run(
    verb: str, target: str | Path, signature: "Signature", /, *more: str
) -> list[tuple[str, str]]:
    """After a look at a run: the next one; of other targets it depends on what they hold.

    Not all tasks can be explained or are exported: models that draw draw, others are measured, and
    then serve.
    """
    if not _is_run(target) or not signature.output.task:
        return []
    task = signature.task
    if task.name in EXPLAINED:
        own = OF_VALUES if verb == "replace" and task.target == "value" else ()
        return following(verb, target, *more, *own)
    if verb == "evaluate":
        if signature.draws:
            return following("generate", target)
        if "evaluate" not in task.refusals:
            return following("evaluate", target)
    return following("serve", target)


def of_model(
    verb: str, target: str | Path, /, *more: object, data: str | None = None
) -> list[tuple[str, str]]:
    """After a look at one side of a run: another side of it, on the same data."""
    told = ["--data", data] if data is not None else []
    return following(verb, target, *told, *more) if _is_run(target) else []


def of_state(run: str | Path, state: str, /, *, measured: bool) -> list[tuple[str, str]]:
    """After a look at where a run stands: on with it, or what went wrong.

    Args:
        run: its folder.
        state: as `runs list` says it.
        measured: whether its test part said anything.
    """
    if state == "interrupted":
        return following("train", run, "--resume")
    return following("evaluate" if measured else "diagnose", run)


def of_seeds(base: Path, first: Path, others: list[Path], /) -> list[tuple[str, str]]:
    """After trainings by several seeds: beside the last others, or one of them in full.

    Args:
        base: what the folders begin with.
        first: the first of them.
        others: what the folders of other groups begin with, the newest last.
    """
    if not others:
        return following("evaluate", first)
    patterns = [f"{escape(str(one))}-seed*" for one in (others[-1], base)]
    return following("runs", "compare", *patterns)


def of_two(first: str, second: str, metrics: Collection[str], /) -> list[tuple[str, str]]:
    """After a look at two runs side by side: whether the second may replace the first."""
    margins = {"accuracy": (), "r2": OF_VALUES}
    own = next((margin for name, margin in margins.items() if name in metrics), None)
    return [] if own is None else following("replace", first, second, *own)


def _is_here(name: str) -> bool:
    from cartograd.data.store import packages

    return packages.show(name).path is not None


def _is_run(target: str | Path) -> bool:
    return (Path(target) / "config.toml").is_file()
