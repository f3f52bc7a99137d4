"""Metrics: from the outputs for all examples to one number, and its confidence interval.

Every metric `name(outputs, targets)` has a twin in its file, `weighed(outputs, targets, weights)`:
the same under many weightings of the examples at a time, one per row of `weights`. The metric is
its twin with each example weighing one; random weights make its bootstrap (`interval`).

Where each position of a row has a label, outputs for all rows would not fit into memory. Some
metrics have two further twins for that: `parts(outputs, targets)`, a few numbers for each row of
a batch, and `whole(sums)`, the metric from the sums of these over all rows (`positions`).
"""
