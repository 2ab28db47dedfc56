"""The lessons, one file each, in the order of their file names."""

from __future__ import annotations

import importlib
import pkgutil

from tsdash.ui.lesson import Lesson

LESSONS: dict[str, Lesson] = {
    lesson.name: lesson
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name)
    for lesson in (importlib.import_module(f"{__name__}.{module.name}").LESSON,)
}
