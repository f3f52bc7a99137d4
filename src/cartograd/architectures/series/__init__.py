"""Forecasters: from the past of a series to the steps to come, each with an interval."""
