"""Averages: the mean of the weights along training is often better than the last weights.

Each is a pure function of the step: how much the newest weights count in the average. The engine
(`cartograd.engine.optim.average`) applies it to every weight and running statistic.
"""
