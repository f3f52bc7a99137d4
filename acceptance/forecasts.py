"""Rows on series: how far forecasts are off, and how often their intervals hold what came."""

from acceptance.generative import UNTRAINED
from acceptance.session import Outcome, Session

CO2 = "cartograd train n-beats --data co2 --set seed=SEED"
WEATHER = (
    "cartograd train lstm-forecaster --data 'series:seattle-weather,time=date,target=temp_max,"
    "covariates=[temp_min,precipitation,wind]' --set seed=SEED"
)
MOST = {CO2: 0.45, WEATHER: 0.95}
"""Mean absolute scaled error."""

BAND = (0.7, 0.9)
"""How often intervals of 80 % hold the value, over all windows and steps of the test part."""


def forecasts(session: Session, /) -> Outcome:
    """Weekly CO2 of 44 years, and daily temperatures of four years with what else was measured."""
    runs = {one: [session.train(one, seed) for seed in session.seeds] for one in MOST}
    errors = {one: [run.metric("mase") for run in some] for one, some in runs.items()}
    held = {one: [run.metric("interval-coverage") for run in some] for one, some in runs.items()}
    words = {one: [str(run.said["baseline"]) for run in some] for one, some in runs.items()}
    untrained = {one: session.train(one + UNTRAINED, 0).metric("mase") for one in MOST}
    plain = {
        one: session.train(one.replace(one.split()[2], "seasonal-naive"), 0).metric("mase")
        for one in MOST
    }
    return Outcome(
        claim="Forecasts of weekly CO2 and of daily temperatures",
        command=f"{CO2}\n$ {WEATHER}",
        measured=[round(error, 3) for error in errors[CO2]],
        asked=f"MASE of 12 weeks at most {MOST[CO2]:g}, of 12 days {MOST[WEATHER]:g}, which "
        "untrained weights do not reach; better than seasonal naive by a paired interval; "
        f"intervals of 80 % hold {100 * BAND[0]:.0f} to {100 * BAND[1]:.0f} % of the values",
        passed=all(max(errors[one]) <= most < untrained[one] for one, most in MOST.items())
        and all(said.startswith("better than seasonal naive") for w in words.values() for said in w)
        and all(BAND[0] <= share <= BAND[1] for some in held.values() for share in some),
        unit="MASE",
        beside={
            "temperatures": ", ".join(f"{error:.3f}" for error in errors[WEATHER]),
            "seasonal naive, CO2 and temperatures": _shown(plain),
            "untrained": _shown(untrained),
            "held by intervals of 80 %, CO2": _shares(held[CO2]),
            "held by intervals of 80 %, temperatures": _shares(held[WEATHER]),
            "CPU seconds of temperatures": ", ".join(f"{run.cpu:.0f}" for run in runs[WEATHER]),
        },
        cpu=[run.cpu for run in runs[CO2]],
        wall=[run.wall for run in runs[CO2]],
        notes=[
            "Of 38 and 24 windows of the last fifth of the time, a horizon apart. Thresholds and "
            "band were set by seed 100, which is not counted: MASE .335 and .794, held 82.5 and "
            "81.3 %. Temperatures of San Francisco were tried, too, and given up before any other "
            "seed: they are normals, not measurements, and n-beats was worse than seasonal naive "
            "on them (5.76 beside 2.18)."
        ],
    )


def _shown(of: dict[str, float]) -> str:
    return ", ".join(f"{value:.3f}" for value in of.values())


def _shares(held: list[float]) -> str:
    return ", ".join(f"{100 * share:.1f} %" for share in held)
