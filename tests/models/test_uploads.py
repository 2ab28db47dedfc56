"""Inputs that come as a file: what is read, and what is refused with the way to do it right."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tsdash import inputs
from tsdash.errors import ModelError
from tsdash.models import uploads


def test_npz_has_tensors_and_labels(tmp_path: Path) -> None:
    """Arrays keep their order; the one that is called labels is none of the inputs."""
    path = tmp_path / "a.npz"
    np.savez(path, b=np.ones((3, 2)), labels=np.array([0, 2, 1]), a=np.zeros(3))
    found = uploads.read(path)
    assert list(found.tensors) == ["b", "a"]
    assert found.labels == (0, 2, 1)


@pytest.mark.parametrize("held", [torch.ones(2, 3), (torch.ones(2, 3),), {"x": torch.ones(2, 3)}])
def test_pt_holds_one_tensor_a_list_or_a_dict(held: object, tmp_path: Path) -> None:
    """Each is one tensor here."""
    path = tmp_path / "a.pt"
    torch.save(held, path)
    (tensor,) = uploads.read(path).tensors.values()
    assert torch.equal(tensor, torch.ones(2, 3))


def test_csv_is_a_table_with_a_column_of_labels(tmp_path: Path) -> None:
    """Rows are examples, columns are features."""
    path = tmp_path / "a.csv"
    path.write_text("width,Label,height\n1,0,2.5\n3,1,4\n")
    found = uploads.read(path)
    assert found.tensors["x"].tolist() == [[1.0, 2.5], [3.0, 4.0]]
    assert found.labels == (0, 1)


@pytest.mark.parametrize(
    ("first", "shape"),
    [("1,0.5", (3, 2)), ("-1e3,nan", (3, 2)), ("1,b", (2, 2)), ("a,b", (2, 2)), ("1,", (2, 2)), ("1,label", (2, 1))],
)
def test_a_first_line_of_numbers_is_an_example(first: str, shape: tuple[int, int], tmp_path: Path) -> None:
    """A table without names loses no row; one word in the first line makes it names."""
    path = tmp_path / "a.csv"
    path.write_text(f"{first}\n3,1\n5,0\n")
    table = uploads.read(path).tensors["x"]
    assert tuple(table.shape) == shape
    assert table[-1, 0] == 5


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    """Pickled objects are refused in .pt and in .npz."""
    bad, objects = tmp_path / "bad.pt", tmp_path / "objects.npz"
    bad.write_bytes(pickle.dumps(Path("elsewhere"), protocol=2))
    np.savez(objects, x=np.array([Path("elsewhere")], dtype=object))
    for path in (bad, objects):
        with pytest.raises(ModelError, match=path.name):
            uploads.read(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "x,y\n1,0.5\n", "no numbers of classes"),
        ("a.csv", "x,y\n1,1e38\n", "no numbers of classes"),
        ("a.csv", "", "no row of numbers"),
        ("a.csv", "a,b\n1\n", "line 2 has 1 fields, and the first line names 2"),
        ("a.csv", "1,2\n3,4\n1\n", "line 3 has 1 fields, and the first line has 2"),
        ("a.csv", "a,b\n", "no row of numbers"),
        ("a.csv", "a,b\n1,two\n", "two"),
        ("a.csv", "label\n1\n", "holds no inputs"),
        ("a.npz", "not a zip", r"no \.npz file\. Write it with numpy\.savez"),
        ("a.pt", "not a zip", r"more than tensors.*torch\.save"),
    ],
)
def test_what_cannot_be_read_says_how_to_write_it(name: str, content: str, words: str, tmp_path: Path) -> None:
    """The file's name, what is wrong, and the way to do it right."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ModelError, match=words):
        uploads.read(path)


def test_the_file_takes_the_place_of_the_inputs(tmp_path: Path) -> None:
    """Tensors go to their places in order, in the dtypes that forward is used to; other arguments stay."""
    path = tmp_path / "a.npz"
    np.savez(path, first=np.ones((4, 2)), second=np.arange(4))
    made = ((torch.zeros(1, 2), {"ids": torch.zeros(1, dtype=torch.int32)}, "fast"), {})
    (x, ids, word), _ = inputs.from_file(made, path)
    assert x.dtype == torch.float32
    assert x.shape == (4, 2)
    assert ids["ids"].dtype == torch.int32
    assert word == "fast"


def test_another_number_of_tensors_is_refused(tmp_path: Path) -> None:
    """The sentence says how many forward takes."""
    path = tmp_path / "a.npz"
    np.savez(path, first=np.ones(2), second=np.ones(2))
    with pytest.raises(ModelError, match=r"holds 2 tensors \(first, second\), and forward takes 1"):
        inputs.from_file(((torch.zeros(2),), {}), path)
