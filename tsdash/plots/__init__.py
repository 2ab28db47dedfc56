"""Tables, histograms and samples to plotly figures. Statistics are handed in; what a title says beside them is read off
the marks that are drawn. Nothing here knows Streamlit.

Every figure has a fixed height, a title that states what it found, axes with units, a state for "nothing to show", and its own text
alternative, which `alt_text` reads back.
"""

from tsdash.plots.divergence import divergence
from tsdash.plots.elements import along_axis, reference_density, where_map
from tsdash.plots.frame import Figure, alt_text, enlarged, plotly_template
from tsdash.plots.frontier import Sizes, frontier
from tsdash.plots.history import run_changes, speed_changes
from tsdash.plots.latency import latency_ecdf, latency_histogram, latency_timeline, paired_ratio
from tsdash.plots.learning import agreement, call_by_call, growing_delta, parting_curves
from tsdash.plots.magnitudes import delta_histogram
from tsdash.plots.modes import ModeRow, mode_answers, mode_costs
from tsdash.plots.multiples import latency_shapes, mode_differences
from tsdash.plots.outcomes import outcome_grid, outlined
from tsdash.plots.scaling import Point, latency_by_size, latency_by_threads, visits

__all__ = [
    "Figure",
    "ModeRow",
    "Point",
    "Sizes",
    "agreement",
    "along_axis",
    "alt_text",
    "call_by_call",
    "delta_histogram",
    "divergence",
    "enlarged",
    "frontier",
    "growing_delta",
    "latency_by_size",
    "latency_by_threads",
    "latency_ecdf",
    "latency_histogram",
    "latency_shapes",
    "latency_timeline",
    "mode_answers",
    "mode_costs",
    "mode_differences",
    "outcome_grid",
    "outlined",
    "paired_ratio",
    "parting_curves",
    "plotly_template",
    "reference_density",
    "run_changes",
    "speed_changes",
    "visits",
    "where_map",
]
