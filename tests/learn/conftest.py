"""Each study carried out once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tsdash.engine.core import Engine
from tsdash.spec import to_json
from tsdash.study import Study, StudySpec

Studied = Callable[[StudySpec], Study]


@pytest.fixture(scope="session")
def studied(engine: Engine) -> Studied:
    """What a study finds, kept for the tests that ask the same."""
    known: dict[str, Study] = {}

    def ask(spec: StudySpec) -> Study:
        key = json.dumps(to_json(spec), sort_keys=True)
        if key not in known:
            known[key] = engine.study(spec).result(120)
        return known[key]

    return ask
