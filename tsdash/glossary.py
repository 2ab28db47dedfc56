"""How each figure that can be doubted is computed: one sentence a figure, shown on hover wherever it stands.

docs/judgement.md has the formulas and their sources at length; `tsdash/stats.py` and `tsdash/judge.py` have them as code.
"""

from __future__ import annotations

import textwrap

HOVER_CHARACTERS = 64

FIGURES = {
    "outcome": "Cases by outcome. Every element of every output is compared, in float64; a difference is noise only if the export "
    "is about as near to a float64 run of eager as eager itself.",
    "verdict": "Ship: every case is identical or within noise. Do not ship: some case went wrong on the export's side. "
    "Inconclusive: eager itself gives no ground to judge by, or too little was tried.",
    "max_abs": "The largest |exported − eager| of all elements of all cases, over elements that are finite on both sides.",
    "mean_abs": "The mean of |exported − eager| over the elements that are finite on both sides.",
    "max_rel": "The largest |exported − eager| ÷ |eager|, where eager is not 0.",
    "max_ulp": "The most representable numbers of the dtype that lie between the two values.",
    "noise_floor": "The largest |Δ| that the judge would excuse: 5 × eager's own largest error against float64, plus 8 eps of "
    "the output's scale.",
    "plain_rule": "max |Δ| < 10⁻⁵ and the same predicted class: what a first check would ask. The verdict asks more.",
    "speed_up": "Eager ÷ exported, the median over rounds in which both ran in turn, with its 95 % bootstrap interval; above 1 is "
    "faster. Claimed only outside what eager shows against itself and beyond 1 %.",
    "control": "Eager against a second copy of eager, measured in the same rounds: what measuring alone can get wrong.",
    "median_s": "The median of the calls after the warm-up, all modes called in turn in one process.",
    "first_call_s": "The first call of the loaded artefact in a fresh process: what it specialises and compiles is in it.",
    "break_even": "The export, the load and the first call, divided by what each later call saves by the medians. Named only where "
    "the speed-up is claimed, beyond what eager shows against itself.",
    "load_s": "Reading the artefact from disk in a fresh process that has imported torch already.",
    "peak_bytes": "The most memory that a fresh process held while it loaded the artefact and called it once, above what it held "
    "with torch alone.",
    "artefact_bytes": "The size of the saved file, weights among it.",
    "export_s": "The export alone, once, in a fresh process; without copying the model and saving the artefact.",
    "runtime": "What has to be there where the artefact runs: read from the mode's format and the operators in its graph.",
    "without_python": "Whether the saved artefact itself can be loaded and called from C++, with no Python there.",
    "branches": "Whether decisions on the inputs stay decisions. A trace keeps the way that the example inputs took.",
    "casts": "Whether the loaded artefact can be cast to another dtype; folded weights cannot.",
    "divergence": "Every module's output in this one case, exported against eager: as the export runs, and alone, given eager's own "
    "inputs. The first module whose own output is off is where the difference begins.",
    "where": "The largest |Δ| of the elements in each square: a square stands for several where the tensor has more rows or "
    "columns than fit. Nothing is averaged away.",
    "density": "Every element counted once, by the magnitude of eager's value and by |Δ|. Noise of the arithmetic rises with the "
    "value, along a diagonal; a wrong answer does not keep to it.",
    "along": "At each place of this axis the largest and the mean |Δ| over all other axes.",
    "pooled": "All elements of all cases of a mode, counted by |Δ|. The noise floor is the largest that the judge would excuse.",
    "frontier": "Every size that was run, all else as in the base case. Between two neighbours nothing is claimed.",
    "changes": "The cases that both runs have, matched by their inputs and circumstances, judged by the same rule.",
    "calls": "Every call in the order in which it was made, all modes in turn. The warm-up is kept apart and never counted.",
    "shares": "Of the calls after the warm-up, the share that was done within a time. A percentile is named only where there are "
    "samples enough to know it: 29 for p90, 59 for p95, 299 for p99.",
    "by_size": "The median of the calls at each size, with its 95 % interval by order statistics, all modes called in turn.",
    "visits": "Shapes take turns, several calls each: what the first call after a change of shape costs against the later ones.",
    "curves": "Both are called at every value along the axis. They part where their answers are not the same bits.",
    "agreement": "The predicted class of a row is the place of its largest logit. Off the diagonal eager and the export disagree "
    "on the same input.",
    "blocks": "Every call in the order in which it was made, one contender after the other: whoever comes first pays for the "
    "warm-up of all.",
    "growing": "The largest |Δ| of one run for each size of the outputs. Rounding is relative, so |Δ| grows with them; a fixed bound "
    "does not.",
    "same": "Cases that are identical or within noise, of all cases that were judged, over all modes of the run. What was not run counts neither way.",
}


def wrapped(figure: str) -> str:
    """How a figure is computed, in lines that fit beside a pointer, in plotly's markup."""
    return "<br>".join(textwrap.wrap(FIGURES[figure], HOVER_CHARACTERS)).replace("< 10", "&lt; 10")
