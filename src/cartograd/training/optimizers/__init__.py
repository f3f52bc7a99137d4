"""Optimizers: what to do with a gradient, each as a pure function that reads like its formula.

`update(weight, gradient, memory)` gives the new weight and the new memory. A training run takes
torch's fused kernel where torch has the optimizer (the tests show that both are the same), and
otherwise applies these functions to every weight.
"""
