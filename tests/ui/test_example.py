"""The example that a new home shows: made once, really run, and gone for good when it is deleted."""

from __future__ import annotations

from collections.abc import Callable

from tests.ui.test_explore import explore, headings, submitted
from tsdash.spec import RunSpec
from tsdash.store import Store
from tsdash.ui import example

__all__ = ["submitted"]  # a fixture


def test_it_is_made_once(submitted: list[RunSpec], store: Store) -> None:
    """A second start of the server finds the first one's; a home whose example was deleted gets none again."""
    example.make()
    example.make()
    assert [spec.model.name for spec in submitted] == [example.MODEL]
    run = example.find()
    assert run == store.runs()[0].id
    assert store.runs()[0].name == example.NAME
    store.delete(run)
    example.make()
    assert example.find() is None
    assert len(submitted) == 1


def test_an_address_without_a_run_shows_it(finished: Callable[..., int], store: Store) -> None:
    """What tsdash does, then the example's results, and Run ready for one's own."""
    run = finished()
    (store.folder / example.MARKER).write_text(str(run))
    page = explore()
    assert headings(page)[0].startswith("Ship script")
    assert any("Does your exported PyTorch model still give the same answers?" in text.value for text in page.markdown)
    assert "run" not in page.query_params
    assert not page.button(key="start").disabled
