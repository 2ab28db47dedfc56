"""The controls of Explore: model, effort, sweep, latency, modes; what they come to in cases and seconds; Run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from tsdash import findings, formats, models, plan
from tsdash.errors import OptionError, UserError
from tsdash.exporters import EXPORTERS
from tsdash.inputs import DEVICES, DTYPES
from tsdash.records import Record
from tsdash.spec import EFFORTS, GIVEN, Case, Limits, ModelSource, RunSpec, Sweep
from tsdash.transforms import LAYOUTS, TRANSFORMS
from tsdash.ui import service
from tsdash.ui.page import as_markdown
from tsdash.ui.scope import shortcuts
from tsdash.ui.timing import Timing, switch, timing
from tsdash.ui.uploads import own_inputs

FIRST_MODEL = "early_exit"
FIRST_MODES = ("trace", "script")
EVERYTHING = "everything"
SIZES_HELP = "Sizes to try, such as 1,2,4, or a range with its step, such as 8:64:8."


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the widgets say, checked."""

    source: ModelSource
    sweep: Sweep
    effort: str
    modes: tuple[str, ...]
    cases: tuple[Case, ...]
    timing: Timing

    def spec(self) -> RunSpec:
        """What Run submits."""
        return RunSpec(
            model=self.source,
            modes=self.modes,
            cases=self.cases,
            limits=Limits(),
            latency=self.timing.on,
            latency_s=self.timing.seconds,
            threads=self.timing.threads,
            search_s=plan.SEARCH_S[self.effort],
        )


def controls(*, running: bool) -> tuple[Choice | None, bool]:
    """Draw the controls. Returns the choice, None while it is not valid, and whether Run was pressed."""
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            name = st.selectbox(
                "Model", names_with(str(st.session_state["model"] or "")), key="model", accept_new_options=True, width=280,
                format_func=called,
                help="A model of the gallery, one of torchvision's, the path of a model file of your own (decoder.py) or an entry point (package.module:factory). Type to search or to enter a path.",
            )  # fmt: skip
            effort = st.segmented_control(
                "Effort", EFFORTS, key="effort", required=True,
                help="How many sizes, values, dtypes and layouts are tried. Sweep shows them all, and lets you change them.",
            )  # fmt: skip
            preset = st.selectbox(
                "Vary", list(plan.PRESETS), key="preset", width=140,
                help="What is tried: everything that the effort plans, or one kind of change alone. shapes: sizes and layouts. numbers: values and seeds. precision: dtypes. state: train and eval, gradients, later calls.",
            )  # fmt: skip
            popover = st.popover("Sweep", icon=":material/tune:", help="What is varied from the base case")
            st.space("stretch")
            button = st.empty()
        with st.container(horizontal=True, gap="small"):
            modes = st.pills(
                "Export modes", list(EXPORTERS), selection_mode="multi", key="modes", label_visibility="collapsed",
                help="Ways to export the model. trace records one run, script compiles the source, export captures a graph with its constraints; freeze folds weights and attributes in.",
            )  # fmt: skip
            st.space("stretch")
            with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
                files = own_inputs()
                timed, problem_of_timing = timing(switch())
                shortcuts()
        choice, problem = _checked(
            str(name or ""),
            (str(effort), str(preset)),
            tuple(mode for mode in EXPORTERS if mode in modes),
            timed,
            popover,
        )
        problem = problem or problem_of_timing
        if choice:
            choice = replace(choice, cases=plan.with_files(choice.cases, files))
        n = 0 if choice is None or problem else len(choice.cases) * len(choice.modes)
        label = "Running" if running else f":primary[**Run {formats.counted(n, 'case')}**]" if n else "Run"
        pressed = button.button(
            label,
            icon=":material/play_arrow:",
            shortcut="Ctrl+Enter",
            disabled=running or not n,
            key="start",
            help="Export the model in each mode and compare every case with eager",
        )
        if problem:
            st.error(as_markdown(problem), icon=":material/error:")
        elif choice:
            seconds = service.expected_s(
                choice.source.name, len(choice.cases), len(choice.modes), latency=timed.on, latency_s=timed.seconds
            )
            st.caption(findings.plan(len(choice.cases), len(choice.modes), seconds))
    return choice, pressed or bool(st.session_state.pop("pressed", False))


def prefill(record: Record | None) -> None:
    """Give the widgets their first values: those of the run that is shown, else a model and modes to begin with."""
    if "model" in st.session_state:
        return
    kept = record.sweep if record else {}
    effort = kept.get("effort")
    named = record is not None and record.spec.model.given is None  # a model given in Python has no name to find it by
    st.session_state["model"] = (
        record.spec.model.name if record and named else st.query_params.get("model", FIRST_MODEL)
    )
    st.session_state["modes"] = [mode for mode in (record.spec.modes if record else FIRST_MODES) if mode in EXPORTERS]
    st.session_state["effort"] = effort if effort in EFFORTS else "standard"
    st.session_state["preset"] = EVERYTHING
    st.session_state["latency"] = record.spec.latency if record else True


def choose(model: str, modes: Sequence[str]) -> None:
    """Set the widgets and press Run: a callback for a button that starts from an example."""
    st.session_state["model"], st.session_state["modes"] = model, list(modes)
    st.session_state["pressed"] = True


@st.cache_resource(show_spinner=False)  # one session looks them up, however many come at once
def model_names() -> tuple[str, ...]:
    """What the box for a model offers: all but the mended twins."""
    return tuple(listing.name for listing in models.names() if not listing.name.endswith("_mended"))


def called(name: str) -> str:
    """What the box shows of a model: a file that came through the browser by its own name, for its folder is tsdash's own."""
    return f"{formats.model(name)} (kept copy)" if service.is_kept_model(name) else name


def names_with(chosen: str) -> tuple[str, ...]:
    """All names, and the one that is chosen, which may be the path of a file."""
    names = model_names()
    return names if chosen in names or not chosen else (chosen, *names)


def _checked(
    name: str,
    chosen: tuple[str, str],
    modes: tuple[str, ...],
    timed: Timing,
    popover: st.delta_generator.DeltaGenerator,
) -> tuple[Choice | None, str]:
    """The choice, or what is wrong with it as a sentence."""
    try:
        source = models.find(name.strip(), allow_code=service.allows_code())
        dims = models.default_dims(source)
        effort, preset = chosen
        of = f"{name}:{effort}" if preset == EVERYTHING else f"{name}:{effort}:{preset}"
        sweep = _sweep(popover, dims, plan.preset(plan.own_plan(dims, effort), preset), of)
        if not modes:
            raise OptionError("Choose at least one export mode.")
        cases = plan.cases(sweep, dims)
    except UserError as error:
        return None, str(error)
    return Choice(source=source, sweep=sweep, effort=effort, modes=modes, cases=cases, timing=timed), ""


def _sweep(popover: st.delta_generator.DeltaGenerator, dims: dict[str, int], preset: Sweep, of: str) -> Sweep:
    """The axes as the popover has them; they begin as the effort's own plan for this model. Raises OptionError."""
    with popover:
        st.caption("One respect is changed at a time, from the base case of the model file.")
        columns = st.columns(2)
        sizes = {}
        for i, (dim, size) in enumerate(dims.items()):
            text = ",".join(map(str, dict.fromkeys(preset.dims.get(dim, (size,)))))
            sizes[dim] = columns[i % 2].text_input(dim, text, key=f"dim {dim} {of}", help=SIZES_HELP)
        values = _several(
            "Values",
            [n for n in TRANSFORMS if n != GIVEN],
            preset.values,
            of,
            "Values of the inputs; large, empty and missing ones take other paths through a model.",
        )
        dtypes = _several(
            "Dtypes",
            [n for n in DTYPES if n != GIVEN],
            preset.dtypes,
            of,
            "float16: module and inputs. inputs:float16: the inputs alone.",
        )
        layouts = _several(
            "Layouts", [n for n in LAYOUTS if n != GIVEN], preset.layouts, of, "How the same numbers lie in memory."
        )
        devices = _several(
            "Devices",
            [n for n in DEVICES if n != "cpu"],
            preset.devices,
            of,
            "Beside the cpu. meta finds devices that are baked in, without having one.",
        )
        training = _several(
            "Mode of the module",
            ["eval()", "train()"],
            [_MODULE[t] for t in preset.training],
            of,
            "Switch the module before it runs.",
        )
        grad = _several(
            "Gradients",
            ["on", "off"],
            ["on" if g else "off" for g in preset.grad],
            of,
            "The base case runs with gradients off.",
        )
        calls = st.text_input(
            "Calls",
            ",".join(map(str, preset.calls)),
            key=f"calls {of}",
            help="Compare the outputs of call 2, 3, …: state shows then.",
        )
        seeds = st.text_input(
            "Seeds", ",".join(map(str, preset.seeds)), key=f"seeds {of}", help="Other random inputs of the same kind."
        )
        product = st.toggle(
            "Full product", key=f"product {of}", help="Every combination of all axes instead of one change at a time."
        )
    return Sweep(
        dims={dim: plan.parse_sizes(text or "") for dim, text in sizes.items()},
        values=tuple(values),
        dtypes=tuple(dtypes),
        devices=tuple(devices),
        layouts=tuple(layouts),
        training=tuple(name == _MODULE[True] for name in training),
        grad=tuple(name == "on" for name in grad),
        calls=plan.parse_sizes(calls or ""),
        seeds=plan.parse_sizes(seeds or ""),
        product=product,
    )


_MODULE = {False: "eval()", True: "train()"}


def _several(label: str, options: Sequence[str], default: Sequence[str], of: str, help_text: str) -> list[str]:
    return list(
        st.pills(
            label,
            options,
            selection_mode="multi",
            default=[n for n in default if n in options],
            key=f"{label} {of}",
            help=help_text,
        )
    )
