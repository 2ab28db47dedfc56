"""A model that no case has touched, kept so: every call is on it or on a copy, and what a call has changed is built anew."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch

from tsdash import exporters, inputs
from tsdash.calling import Called, observe
from tsdash.spec import GIVEN, Case
from tsdash.state import fingerprint


class Pristine:
    """Owns the `model` that `build` gave."""

    def __init__(self, build: Callable[[], torch.nn.Module]) -> None:
        self._build = build
        self.model = build()
        self._seen: Hashable | None = None  # its fingerprint, once it is known

    def fresh(self) -> torch.nn.Module:
        """A model of one's own that no case has touched."""
        return exporters.own_copy(self.model) or self._build()

    def call(self, case: Case, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Called:
        """Eager's call of the case on these inputs. Exceptions of the model pass through."""
        if not self._suits(case):
            return observe(self._made_for(case), args, kwargs, case)
        self._seen = self._seen or fingerprint(self.model)
        if self._seen is None:  # nobody could tell what the call changes
            return observe(self.fresh(), args, kwargs, case)
        try:
            return observe(self.model, args, kwargs, case)
        finally:
            if fingerprint(self.model) != self._seen:
                self.model, self._seen = self._build(), None

    def _suits(self, case: Case) -> bool:
        """Whether the model itself is in the state that the case asks for."""
        scope, dtype = inputs.parse_dtype(case.dtype)
        cast = scope == "all" and dtype != GIVEN
        return not cast and case.device == "cpu" and case.training in (None, self.model.training)

    def _made_for(self, case: Case) -> torch.nn.Module:
        model = self.fresh()
        scope, dtype = inputs.parse_dtype(case.dtype)
        if scope == "all" and dtype != GIVEN:
            model = model.to(getattr(torch, dtype))
        if case.device != "cpu":
            model = model.to(case.device)
        if case.training is not None:
            model.train(case.training)
        return model
