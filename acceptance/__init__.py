"""What the library promises of models trained on real data, put to the test.

`python -m acceptance` runs every row, `python -m acceptance lenet5-digits` one. A row is the
documented command run for each seed, with a threshold that the worst seed must reach and the
baselines beside it. Results go to `docs/results/acceptance.md`; the exit code is 1 if a row failed.
"""
