"""What may come next after a command: its last line, a command that runs as it is printed.

From data to a model that answers: check, train, evaluate, explain, export, serve; and from a
compressed model to the question whether it may replace the one before.
"""

from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING

from cartograd.core.language import said

if TYPE_CHECKING:
    from cartograd.apps.results.data_card import DataCard
    from cartograd.core.ports import Signature

EXPLAINED = ("classify", "regress")
"""Tasks whose runs every verb of the way takes as they are."""


def following(*words: object) -> list[tuple[str, str]]:
    """The last line of a result: `cartograd WORDS`, quoted for a shell.

    >>> following("evaluate", "runs/my net-1")
    [('what next', "cartograd evaluate 'runs/my net-1'")]
    """
    return [(said("what next"), join(["cartograd", *map(str, words)]))]


def of_data(data: str, target: str | None, card: "DataCard", /) -> list[tuple[str, str]]:
    """After a look at data: a training, or the look again with the column that it lacked."""
    told = ["--target", target] if target is not None else []
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
    """After a look at a run: the next one; of other targets it depends on what they hold."""
    own = (Path(target) / "config.toml").is_file()
    return following(verb, target, *more) if own and signature.task.name in EXPLAINED else []
