"""CO2 over Mauna Loa: a value each week from 1958 to 2001, the air of Hawaii.

A season of the year on a trend that bends upwards: what forecasting is easily shown on. 59 of 2,284
weeks have no value and are filled by a straight line.

Shapes: inputs `n c s` with c = 1, targets `n t 3` (the value, that of a season before, and the unit
of errors).

References:
    C.D. Keeling, T.P. Whorf: Atmospheric CO2 concentrations derived from flask air samples at sites
    in the SIO network. In Trends: A Compendium of Data on Global Change. Oak Ridge National
    Laboratory, 2004. https://www.ncei.noaa.gov/access/ocean-carbon-acidification-data-system
    (public domain; as in statsmodels)

>>> data = co2(horizon=4)
>>> data.signature.input.timeline.step, data.signature.input.timeline.season
('week', 52)
"""

from dataclasses import replace
from pathlib import Path

from cartograd.core.card import Card
from cartograd.core.timeline import Timeline
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.forecasting import forecasting
from cartograd.data.decode.table_files import read_table

CARD = Card(
    name="co2",
    kind="data",
    entry="co2",
    title="Weekly CO2 over Mauna Loa, to be forecast",
    zh="莫纳罗亚每周 CO2 浓度（预测）",
    proofs=("law: the weeks, gaps and season of the published table",),
)


def co2(
    *,
    horizon: int = 12,
    context: int | None = None,
    season: int | None = None,
    stride: int | None = None,
    valid: float = 0.15,
    test: float = 0.2,
) -> Dataset:
    """The series that comes with the package.

    Args:
        horizon: steps to come that are forecast.
        context: steps of the past that a forecast is made from.
        season: steps after which things repeat; 52 if not given.
        stride: steps between the points in time from which the test part is forecast.
        valid: share of the time for validation, before the test.
        test: share of the time for testing, the last.

    Raises:
        UsageError: the shares or sizes leave too little.
    """
    table = replace(read_table(Path(__file__).with_name("co2.tsv")), source="co2")
    timeline = Timeline("co2", "date", step="", decimal="", gaps="interpolate")
    data = forecasting(
        "co2", table, timeline, horizon=horizon, context=context, season=season, stride=stride,
        valid=valid, test=test,
    )  # fmt: skip
    return replace(
        data, about={"source": "statsmodels, co2", "licence": "public domain"} | data.about
    )
