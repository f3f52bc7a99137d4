"""Timelines: how the rows of a table become a series, for an input of kind `series`."""

from dataclasses import dataclass
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.fits import check_fields


@dataclass(frozen=True)
class Timeline:
    """What of a table is the time, what is forecast, and what is known besides.

    Attributes:
        target: the column that is forecast.
        time: the column of dates.
        by: the column that says of which series a row is; empty where there is one series.
        covariates: further columns, known up to the present.
        known: further columns that are known ahead, for the steps to come as well.
        step: what lies between two rows: `hour`, `day`, `business day`, `3 months`.
        season: steps after which things repeat; 1 for none.
        horizon: steps to come that are forecast.
        gaps: what becomes of steps without a value: `refuse`, `interpolate` or `previous`.
        twins: what becomes of two rows of one time: `refuse`, `mean`, `first` or `last`.
        decimal: the decimal mark of the numbers.
        missing: further cells that stand for 'not known'.
        calendar: what of the dates is learned from, as two more columns each that are known ahead:
            `hour`, `day_of_week`, `month`.
    """

    target: str
    time: str
    by: str = ""
    covariates: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    step: str = "day"
    season: int = 1
    horizon: int = 1
    gaps: str = "refuse"
    twins: str = "refuse"
    decimal: str = "."
    missing: tuple[str, ...] = ()
    calendar: tuple[str, ...] = ()

    @property
    def ahead(self) -> int:
        """How many channels, the last ones, are known ahead."""
        return len(self.known) + 2 * len(self.calendar)

    @property
    def channels(self) -> int:
        """How many there are in all."""
        return len(self.columns) + 2 * len(self.calendar)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers, in the order of the channels; those of the calendar follow."""
        return (self.target, *self.covariates, *self.known)


def timeline_of(data: Any, /) -> Timeline | None:
    """A timeline of the JSON of a signature; nothing where there is none.

    Raises:
        UsageError: the data does not describe one.
    """
    if data is None:
        return None
    several = ("covariates", "known", "missing", "calendar")
    made = Timeline(**data | {key: tuple(data.get(key, ())) for key in several})
    check_fields(made, f"the timeline of {made.target!r}")
    if min(made.season, made.horizon) < 1:
        raise UsageError(f"the timeline of {made.target!r}: season or horizon is below 1")
    return made
