"""Reports: one self-contained HTML file with pictures, made of sections.

Each section is a function of plain results (`curves(history)`, `confusion(outputs, targets,
labels)`, ...) that returns a `Section`, or `None` where it has nothing to say; `write_report`
joins them. `run.report` does so for a model and its evaluation.
"""
