"""What is taken away of a run says what the page says, is safe to open, and stays small."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from tsdash import cli, document, judge, models, overview, plan, tables, takeaway
from tsdash.errors import OptionError
from tsdash.records import Record
from tsdash.spec import Arm, Case, CaseResult, Cause, Classes, Latency, OutputFacts, RunSpec, Side, Sweep
from tsdash.store import Store

RETURNED = Side(ended="returned")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("TSDASH_HOME", str(tmp_path / "home"))
    return Store()


def run(store: Store, sizes: int = 3) -> Record:
    """A run of early_exit in which every case but the base fails, with causes and latency."""
    source = replace(models.find("early_exit"), name="<script>alert(1)</script>")
    cases = plan.cases(Sweep(dims={"batch": tuple(range(1, sizes + 1))}), models.default_dims(source))
    spec = RunSpec(model=source, modes=("trace",), cases=cases)
    number = store.create(spec, {}, {"torch": "2.14.1"})
    for case in cases:
        store.add_case(number, result(case, 0.0 if case == cases[0] else 0.5), {})
    cause = Cause(
        cause="baked_control_flow", file=source.filename, line=29, code="if x:", message="`if x` was decided."
    )
    store.add_causes(number, "trace", (cause,))
    arms = tuple(
        Arm(name=name, warmup_s=(1e-3,), samples_s=(1e-3, 2e-3) * 20) for name in ("eager", "eager again", "trace")
    )
    store.add_latency(number, Latency(case=cases[0], arms=arms))
    store.end(number, "done", None)
    return store.load(number)


def result(case: Case, delta: float) -> CaseResult:
    facts = OutputFacts(
        path="output", shape=(1, 4), dtype="float32", elements=4, identical=delta == 0, max_abs=delta, max_rel=delta
    )
    return CaseResult(case=case, mode="trace", eager=RETURNED, exported=RETURNED, outputs=(facts,))


def text_of(record: Record, store: Store) -> str:
    return takeaway.FORMATS["html"].make(record, store).decode()


def test_the_report_has_the_sentences_of_the_page(store: Store) -> None:
    """The same heading, the cause with its line, every outcome; and nothing that comes from a network."""
    record = run(store)
    text = text_of(record, store)
    seen = overview.overview(record)
    for sentence in (overview.headline(seen), "baked_control_flow", "early_exit.py line 29", "≠ mismatch"):
        assert sentence in unescape(text)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)


def test_the_report_runs_nothing_of_a_users_text(store: Store) -> None:
    """A model's name that is markup is shown as what it is."""
    assert "<script>alert(1)" not in text_of(run(store), store)


def test_the_report_has_its_figures_in_both_appearances(store: Store) -> None:
    """They are packed in the file: the grid, the histogram of |Δ| of each failing case that is shown, the two of latency."""
    packed = re.search(r'id="figures">([^<]*)<', text_of(run(store), store))
    assert packed
    figures = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    assert len(figures) == 1 + 2 + 2
    assert all(len(appearances) == 2 and appearances[0] != appearances[1] for appearances in figures.values())


def test_the_report_of_ten_thousand_cases_stays_below_its_limit(store: Store) -> None:
    """What is left out is counted."""
    record = run(store, sizes=50)
    base = record.spec.cases[0]
    cases = tuple(replace(base, id=f"c{i}", seed=i, varied="seed") for i in range(10_000))
    results = tuple(result(case, i % 3 / 4) for i, case in enumerate(cases))
    large = replace(record, spec=replace(record.spec, cases=cases), results=results)
    text = text_of(large, store)
    assert len(text.encode()) < document.MOST_BYTES
    assert "more cells are in the JSON" in text


def test_tables_keep_every_case_and_every_call(store: Store) -> None:
    """CSV and Parquet hold the same rows; a sample has its arm and phase."""
    record = run(store)
    read = pd.read_parquet(io.BytesIO(takeaway.FORMATS["parquet"].make(record, store)))
    assert list(read["outcome"]) == [judge.judge(found).outcome for found in record.results]
    assert len(pd.read_csv(io.BytesIO(takeaway.FORMATS["csv"].make(record, store)))) == len(read)
    samples = pd.read_parquet(io.BytesIO(takeaway.FORMATS["samples-parquet"].make(record, store)))
    assert len(samples) == len(tables.samples(record.latencies)) == 3 * 41


def test_a_case_on_a_file_says_how_often_each_side_is_right(store: Store) -> None:
    """The table and the JSON count rows, the same class, and with labels who is right."""
    record = run(store)
    classes = Classes(path="output", expected=(0, 1, 1, 2), actual=(0, 1, 2, 2), labels=(0, 1, 2, 0))
    first = record.results[0]
    own = replace(first, case=replace(first.case, inputs="/somewhere/digits.npz"), classes=classes)
    changed = replace(record, results=(own, *record.results[1:]))
    row = tables.cases(changed).iloc[0]
    expected = {"rows": 4, "same_class": 3, "eager_right": 2, "exported_right": 3}
    assert row["inputs"] == "digits.npz"
    assert {name: row[name] for name in expected} == expected
    cases = json.loads(takeaway.FORMATS["json"].make(changed, store))["modes"]["trace"]["cases"]
    assert expected.items() <= cases[0]["classes"].items()
    assert cases[1]["classes"] is None


def test_the_command_line_writes_each_form(store: Store, tmp_path: Path) -> None:
    """Several at once; without any it says what there is."""
    number = str(run(store).id)
    html, markdown = tmp_path / "run.html", tmp_path / "run.md"
    assert cli.main(["runs", "export", number, "--html", str(html), "--markdown", str(markdown)]) == 0
    assert html.read_text().startswith("<!doctype html>")
    assert markdown.read_text().startswith("### tsdash:")
    assert cli.main(["runs", "export", number]) == 2


def test_an_artefact_that_was_not_kept_is_refused(store: Store) -> None:
    """With the modes that have one."""
    with pytest.raises(OptionError, match="It has: none"):
        takeaway.artefact("trace", run(store), store)
