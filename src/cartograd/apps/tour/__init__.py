"""The tour: a model's whole life on real data, from training to attack, in one call."""

from cartograd.apps.tour.guide import tour
from cartograd.apps.tour.state import Row, Tour

__all__ = ["Row", "Tour", "tour"]
