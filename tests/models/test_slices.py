"""What a class needs of the script or notebook that defines it."""

from __future__ import annotations

from tsdash.models import slices

SCRIPT = '''"""A training script."""
from __future__ import annotations

import os
import torch
from torch import nn

WIDTH = 8
weights = open("nowhere").read()


def scaled(x):
    return x * WIDTH


@torch.no_grad()
def report(): print(weights)


class Net(nn.Module):
    def forward(self, x, weights=None):
        return scaled(x)


Net.scale = WIDTH
if __name__ == "__main__":
    report()
'''


def test_a_slice_keeps_what_the_class_needs_at_its_line() -> None:
    """Imports, constants, helpers and patches of the class stay where they were; all else is empty."""
    lines = slices.of_script(SCRIPT, ["Net"]).splitlines()
    assert len(lines) == len(SCRIPT.splitlines())
    kept = {line for line in lines if line}
    assert {"from torch import nn", "WIDTH = 8", "class Net(nn.Module):", "Net.scale = WIDTH"} <= kept
    assert all(line in ("", original) for line, original in zip(lines, SCRIPT.splitlines(), strict=True))


def test_a_slice_leaves_out_what_the_class_does_not_need() -> None:
    """A parameter with the name of a global does not bring the global along, and nothing runs that only the script needs."""
    text = slices.of_script(SCRIPT, ["Net"])
    assert "nowhere" not in text
    assert "import os" not in text
    assert "report" not in text


def test_a_decorated_function_comes_with_its_decorator() -> None:
    """The decorator's line, and the import that it needs."""
    text = slices.of_script(SCRIPT, ["report"])
    assert "@torch.no_grad()\ndef report(): print(weights)" in text
    assert "import torch\n" in text


def test_of_a_notebook_the_last_definition_counts() -> None:
    """A cell that was run again replaces what it defined; a cell that is no Python is passed over."""
    cells = [
        "",
        "from torch import nn",
        "class Net(nn.Module):\n    a = 1",
        "%magic ?",
        "class Net(nn.Module):\n    a = 2",
    ]
    assert (
        slices.of_notebook(cells, ["Net"])
        == "# In [1]\nfrom torch import nn\n# In [4]\nclass Net(nn.Module):\n    a = 2\n"
    )
