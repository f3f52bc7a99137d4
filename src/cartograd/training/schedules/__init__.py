"""Learning-rate schedules, each as a pure function of the step.

`rule(step, lr)` gives the rate of a step (counted from 0) from the optimizer's own rate, so that a
run that is stopped and resumed needs no state for it, and any schedule can be plotted before it is
used. The engine finds them by name (`cartograd.engine.optim.schedule`), counts in steps or epochs,
and puts a warm-up before any of them.
"""
