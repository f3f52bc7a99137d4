"""Yardsticks: quick strong models by scikit-learn, which a network has to beat to be worth it.

`features` turns examples into columns of numbers, `estimators` learns from these, and `yardstick`
chooses what fits the data. All of it is bounded by counts of rows, columns and trees rather than by
a clock, so that the same data give the same yardstick on any machine.
"""
