"""Narrowing a failure down: the size at which it begins, the value at which it flips, the smallest input that shows it.

Each file has two halves. One says which cases are worth trying next, as a generator that is sent the answers: it runs nothing,
so it can be tested alone. The other reads what was found off the results of a run, the sweep's among them. Nothing but results
is stored, and a run that is judged by another rule has other findings.
"""
