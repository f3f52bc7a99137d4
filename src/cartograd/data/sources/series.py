r"""Series in a table, to be forecast: a column of dates, one of values, and what is known besides.

A table has one series, or several by the names in a column. What lies between two rows (an hour, a
day, a month, ...) is found in the dates, and with it the season, after which things repeat. The
last part of the time is for testing and the one before for validation: nothing is shuffled. An
example is a window: steps of the past, and the steps to come. Rows at the end without a value of
the target but with columns that are known ahead are what can be forecast from.

Shapes: inputs `n c s` (the target, covariates, known columns moved by the horizon), targets
`n t 3` (the value, that of a season before, and the unit of errors).

References:
    R. Hyndman, G. Athanasopoulos: Forecasting: Principles and Practice, 3rd edition, 2021.
    https://otexts.com/fpp3

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "sales.csv"
>>> rows = [f"{2000 + i // 12}-{i % 12 + 1:02},{(i * 7) % 12 + i / 10}" for i in range(120)]
>>> _ = path.write_text("\n".join(["month,sold", *rows]))
>>> data = series(path, time="month", target="sold", horizon=6)
>>> data.signature.input.timeline.step, data.signature.input.dims, data.signature.output.dims
('month', (1, 24), (6, 3))
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from cartograd.core.card import Card
from cartograd.core.files import digest
from cartograd.core.timeline import Timeline
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.forecasting import forecasting
from cartograd.data.decode.table import Table, content_digest
from cartograd.data.decode.table_files import read_table
from cartograd.data.store import packages

CARD = Card(
    name="series",
    kind="data",
    entry="series",
    title="Series in a table, to be forecast",
    zh="表格中的时间序列（预测）",
    paper="Hyndman and Athanasopoulos, Forecasting: Principles and Practice",
    year=2021,
    url="https://otexts.com/fpp3",
    proofs=(
        "oracle: pandas' date_range finds the same steps and the same dates to come",
        "law: no step to come of a training window lies after one of validation, nor one of these "
        "after one of the test",
    ),
)


def series(
    path: str | Path | Table,
    /,
    *,
    target: str,
    time: str,
    by: str = "",
    covariates: tuple[str, ...] | str = (),
    known: tuple[str, ...] | str = (),
    horizon: int = 12,
    context: int | None = None,
    season: int | None = None,
    calendar: tuple[str, ...] | str = (),
    gaps: Literal["refuse", "interpolate", "previous"] = "refuse",
    twins: Literal["refuse", "mean", "first", "last"] = "refuse",
    missing: tuple[str | float, ...] | str | float = (),
    decimal: Literal["", ".", ","] = "",
    delimiter: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    stride: int | None = None,
    valid: float = 0.15,
    test: float = 0.2,
) -> Dataset:
    """Series from a file.

    Args:
        path: the file (delimited text, also gzipped; .xlsx; Parquet; JSON lines), the name of a
            table fetched by `cartograd data get`, or a table in memory.
        target: the column to forecast.
        time: the column of dates.
        by: the column that says of which series a row is.
        covariates: further columns of numbers, known up to the present.
        known: further columns of numbers that are known ahead, for the steps to come as well.
        horizon: steps to come that are forecast.
        context: steps of the past that a forecast is made from.
        season: steps after which things repeat; by the step (12 for months) if not given, 1 for
            none.
        calendar: what of the dates is learned from, known ahead: `hour`, `day_of_week`, `month`, or
            `auto`: what the steps tell apart and the training part saw twice.
        gaps: steps without a value are refused, or filled by a straight line or the value before.
        twins: two rows of one time are refused, or their mean, the first or the last is taken.
        missing: further cells that stand for 'not known', like -999.
        decimal: the decimal mark of numbers; found out if not given.
        delimiter: between cells; found out if not given; `tab` for a tabulator.
        encoding: of a text file that is not UTF-8, like cp1252 or gb18030.
        sheet: of an Excel workbook; by default the first that is not empty.
        stride: steps between the points in time from which the test part is forecast.
        valid: share of the time for validation, before the test.
        test: share of the time for testing, the last.

    Raises:
        UsageError: the file is missing or malformed; a time cannot be read, is there twice or on no
            step; a step has no value; a series is too short or constant.
    """
    table = path if isinstance(path, Table) else _read(path, delimiter, encoding, sheet)
    marks = (missing,) if isinstance(missing, str | float | int) else missing
    timeline = Timeline(
        target, time, by, _names(covariates), _names(known), step="",
        gaps=gaps, twins=twins, decimal=decimal, missing=tuple(map(str, marks)),
        calendar=_names(calendar),
    )  # fmt: skip
    data = forecasting(
        "series", table, timeline, horizon=horizon, context=context, season=season,
        stride=stride, valid=valid, test=test,
    )  # fmt: skip
    mark = content_digest(table) if isinstance(path, Table) else digest(table.source)
    about: dict[str, Any] = {"source": table.source, "sha256": mark}
    return replace(data, about=about | data.about)


def _read(
    path: str | Path, delimiter: str | None, encoding: str | None, sheet: str | None
) -> Table:
    return read_table(packages.table(path), delimiter=delimiter, encoding=encoding, sheet=sheet)


def _names(given: tuple[str, ...] | str) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
