"""Benchmarks: each module's `main` returns rows of what was measured, the figure and the goal. `python -m tests.bench` runs them."""
