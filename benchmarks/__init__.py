"""Cartograd beside its peers: the same work, in the same run, in turns.

`python -m benchmarks` runs every workload, `python -m benchmarks step_overhead` one. A workload
is a file that holds `CASES`; its results go to `docs/results/NAME.md` and `.json`. Three rules:

- A number is printed only for a side whose answer was found equal to ours.
- Sides take turns, each in a fresh process with the same data, weights and threads; what is
  reported is the median of the ratios within a round, with its quartiles.
- A probe of the processor runs before and after each round. A round during which it was more
  than a tenth off is thrown away, and with too few quiet rounds nothing is published.
"""
