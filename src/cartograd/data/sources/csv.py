r"""A table in a delimited text file, one column of which is to be predicted.

The kind of each column, its categories and its statistics are found by `decode/columns.py`: numbers
in local or spreadsheet dress, dates, categories. The target is a class if it is not a number, or a
whole number with at most 20 different values; else it is a value. Rows are split by a hash of
their content: equal rows stay together, so no test row was seen in training. Where the only thing
to learn from is a column of texts (or `text=` names one), its texts are the inputs, and equal
texts stay together. A column `split` of train, valid and test says where rows belong instead. What
was decided on the way is said in `Dataset.decided`.

Shapes: inputs `n d` (encoded cells) or `n t` (tokens of texts), targets `n` (classes) or `n 1`
(values).

References:
    Y. Shafranovich: Common Format and MIME Type for Comma-Separated Values, RFC 4180, 2005.
    https://www.rfc-editor.org/rfc/rfc4180

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "people.csv"
>>> lines = ["age,town,income"] + [f"{20 + i},{'AB'[i % 2]},{i % 3}" for i in range(60)]
>>> _ = path.write_text("\n".join(lines))
>>> data = csv(path, target="income")
>>> data.signature.output.labels, [column.name for column in data.signature.input.columns]
(('0', '1', '2'), ['age', 'town'])
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.files import digest
from cartograd.core.task import find
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.label_sets import label_sets, separator
from cartograd.data.dataset.labelled_texts import labelled_texts
from cartograd.data.dataset.split_column import row_parts, split_column
from cartograd.data.dataset.tabular import tabular
from cartograd.data.dataset.targets import Targets, targets
from cartograd.data.decode.columns import is_numeric
from cartograd.data.decode.free_text import text_column
from cartograd.data.decode.prose import pair_columns, prose_columns
from cartograd.data.decode.table import Table, content_digest
from cartograd.data.decode.table_files import read_table
from cartograd.data.store import packages

CARD = Card(
    name="csv",
    kind="data",
    entry="csv",
    title="A table in a CSV file",
    zh="CSV 表格文件",
    paper="Shafranovich, RFC 4180",
    year=2005,
    url="https://www.rfc-editor.org/rfc/rfc4180",
    proofs=(
        "oracle: sklearn's StandardScaler and OneHotEncoder, every feature to 1e-5",
        "law: rows keep their split when others are added or reordered",
    ),
)

READING = ("delimiter", "header", "encoding", "sheet")
"""The arguments that say how the file is read."""


def csv(
    path: str | Path | Table,
    /,
    *,
    target: str | tuple[str, ...],
    task: Literal["auto", "classify", "regress", "multi-label"] = "auto",
    categorical: tuple[str, ...] | str = (),
    ignore: tuple[str, ...] | str = (),
    delimiter: str | None = None,
    header: bool = True,
    decimal: Literal["", ".", ","] = "",
    missing: tuple[str | float, ...] | str | float = (),
    drop_missing: bool = False,
    encoding: str | None = None,
    sheet: str | None = None,
    text: str | tuple[str, ...] | bool | None = None,
    text_columns: str = "hash",
    tokenize: Literal["words", "pieces", "characters"] = "words",
    vocabulary: int = 8000,
    context: int = 256,
    split: str | bool | None = None,
    valid: float = 0.1,
    test: float = 0.2,
) -> Dataset:
    """A table from a file.

    Args:
        path: the file (delimited text, also gzipped; .xlsx; Parquet; JSON lines), or the name of a
            table fetched by `cartograd data get`; in Python also its cells.
        target: the column to predict; or several columns of 0 and 1, each of which is a label that
            may hold beside others.
        text: the column of texts to learn from, and from no other, or the two columns of pairs;
            true finds them, and so they are found where there is nothing else.
        text_columns: what becomes of free text beside other columns: `hash`, counts of its words
            and letters in `hash:buckets=1024` places, `minilm`, vectors of sentences by these
            published weights, or `leave`, nothing.
        tokenize: what texts are cut into: words in lower case (with marks, and Chinese characters
            one by one), pieces of words, or characters.
        vocabulary: greatest number of different tokens of texts.
        context: greatest number of tokens of a text; the rest is cut off.
        task: what the target is: classes, values, several labels in a cell (`a;b`), or to be found
            out.
        categorical: columns whose numbers are names (of shops, of areas).
        ignore: columns to leave out.
        delimiter: between cells; found out if not given; `tab` for a tabulator.
        header: whether the first row holds the names; else they are column1, column2, ...
        decimal: the decimal mark of numbers; found out if not given.
        missing: further cells that stand for 'not known', like -999.
        drop_missing: leave out rows whose target is not known, instead of refusing them.
        encoding: of a text file that is not UTF-8, like cp1252 or gb18030.
        sheet: of an Excel workbook; by default the first that is not empty.
        split: the column that says of each row train, valid or test; one called `split` is found;
            false takes none.
        valid: share of the rows for validation.
        test: share of the rows for testing.

    Raises:
        UsageError: the file is missing or malformed, the target is not a column or incomplete,
            there are too few rows, or nothing to learn from; file and line are named.
    """
    reading: Any = {"delimiter": delimiter, "encoding": encoding, "sheet": sheet}
    if isinstance(path, Table):
        table = path
    else:
        table = read_table(packages.table(path), header=header, **reading)
    categorical, ignore = _names(table, categorical), _names(table, ignore)
    goals = _targets(table, target, header=header)
    split = split_column(table, split, goals)
    skipped = {*goals, split, *ignore, *table.unnamed}
    inputs = [name for name in table.header if name not in skipped]
    marks = (missing,) if isinstance(missing, str | float | int) else missing
    dress: Any = {"decimal": decimal, "marks": tuple(map(str, marks))}
    goal = _goal(table, goals, task, **dress, drop_missing=drop_missing)
    shares: Any = {"valid": valid, "test": test}
    mark = content_digest(table) if isinstance(path, Table) else digest(table.source)
    about = {"source": table.source, "sha256": mark}
    text_column("", text_columns)  # refused before work begins
    columns = _text(goal.table, text, inputs, goals)
    if columns:
        read = goal.table.columns(columns)
        texts = ["\x1f".join(row) for row in read.rows]
        classes = goal.values if find(goal.port.task).target == "class" else None
        chosen, said = row_parts(goal.table, texts, classes, split, **shares)
        decided = [*table.notes, *goal.notes, *said, *_others(columns, inputs)]
        return labelled_texts(
            "csv", read, goal.values, goal.port, tokenize=tokenize, vocabulary=vocabulary,
            context=context, chosen=chosen, about=about | {"decided": decided},
        )  # fmt: skip
    data = tabular(
        "csv", goal, inputs, **dress, **shares, split=split, categorical=categorical,
        texts=text_columns,
    )  # fmt: skip
    data.about["left out"] |= dict.fromkeys(table.unnamed, "no name in the header")
    if table.unnamed:
        names = ", ".join(table.unnamed)
        data.about["decided"].append(f"left out, no name in the header: {names}")
    return replace(data, about=about | data.about)


def _text(
    table: Table,
    text: str | tuple[str, ...] | bool | None,
    inputs: list[str],
    goals: tuple[str, ...],
) -> tuple[str, ...]:
    """The columns of texts, or of pairs, to learn from: as said, or where there is nothing else.

    Raises:
        UsageError: one is the target, there is none, or there are more than two.
    """
    if not isinstance(text, bool | None):
        named = _names(table, text)
        wrong = [name for name in named if name in goals]
        if wrong:
            raise UsageError(f"text={wrong[0]} is the target; expected the column to learn from")
        if len(set(named)) != len(named) or not 1 <= len(named) <= 2:
            raise UsageError(
                f"text names {', '.join(named) or 'no column'}; expected one column of texts, or "
                "two whose texts are pairs"
            )
        return named
    pair = pair_columns(table, inputs) if text is not False else ()
    if pair:
        return pair
    found = prose_columns(table, inputs, repeated=text is True) if text is not False else []
    if text and not found:
        raise UsageError(
            f"{table.source} has no column of texts beside the target (there are "
            f"{', '.join(inputs) or 'no others'}); name it: text=NAME"
        )
    if text and "text" in found:
        return ("text",)
    return (found[0],) if found and (text or len(found) == len(inputs)) else ()


def _others(columns: tuple[str, ...], inputs: list[str]) -> list[str]:
    """A line on the columns that are left out beside those of the texts."""
    others = [name for name in inputs if name not in columns]
    return [f"left out, as texts are learned from alone: {', '.join(others)}"] if others else []


def _targets(table: Table, target: str | tuple[str, ...], *, header: bool) -> tuple[str, ...]:
    """The columns to predict.

    Raises:
        UsageError: one is not there, or there is none.
    """
    goals = (target,) if isinstance(target, str) else tuple(target)
    for name in goals:
        if name not in table.header:
            hint = "(the first row holds numbers: give header=false)"
            shown = hint if header and is_numeric(table.header) else ""
            raise unknown(f"column of {table.source}", name, table.header, hint=shown)
    if not goals:
        raise UsageError("target is empty; expected the column to predict")
    return goals


def _goal(table: Table, goals: tuple[str, ...], task: str, **told: Any) -> Targets:
    """What is to be predicted: labels, of which several may hold, or one class or value."""
    first, *others = goals
    if others and task not in ("auto", "multi-label"):
        raise UsageError(f"task={task} is of one column, and target names {len(goals)}")
    found = separator(table.column(first)) if task == "auto" and not others else None
    if not others and task != "multi-label" and found is None:
        return targets(table, first, task, **told)
    made = label_sets(table, goals)
    if found:
        other = f"labels are parted by {found!r}; task=classify takes each cell as one class"
        return replace(made, notes=(*made.notes, other))
    return made


def _names(table: Table, given: tuple[str, ...] | str) -> tuple[str, ...]:
    """Names of columns that are there; a single one may come without brackets."""
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        table.column(name)
    return names
