"""Lists of numbers come out of a pickle as Python reads them, and nothing else does."""

import collections
import pickle
import zipfile
from pathlib import Path

import pytest

from assay.errors import FormatError
from assay.formats.judged.plain_pickle import is_pickled, plain_pickle
from assay.formats.judged.reading import read_judged

VALUES = [
    list(range(-3, 400)),
    [0, 255, 256, 65535, 65536, -1, 2**31, 2**40, -(2**70)],
    [[1, 2, 3, 4], [0, 0, 0, 0], None, (5, 6, 7, 8)],
    [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4, 5), [[]], [1.5, -0.0, 1e300]],
    [True, False, "text", "ü" * 300],
    [],
]


def _as_lists(value: object) -> object:
    return [_as_lists(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", VALUES)
def test_numbers_and_lists_are_those_that_python_reads(
    tmp_path: Path, value: object, protocol: int
) -> None:
    path = tmp_path / "scores.pt"
    content = pickle.dumps(value, protocol)
    path.write_bytes(content)

    assert is_pickled(path)
    assert plain_pickle(path) == _as_lists(pickle.loads(content))


def test_a_list_that_stands_twice_is_read_twice(tmp_path: Path) -> None:
    one = [1, 2]
    path = tmp_path / "scores.pt"
    path.write_bytes(pickle.dumps([one, one, [one]], 4))

    assert plain_pickle(path) == [[1, 2], [1, 2], [[1, 2]]]


class _Harmful:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._mark,)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_that_calls_something_is_refused_and_calls_nothing(
    tmp_path: Path, protocol: int
) -> None:
    path, mark = tmp_path / "scores.pt", tmp_path / "was-here"
    path.write_bytes(pickle.dumps([1, 2, _Harmful(mark)], protocol))

    with pytest.raises(FormatError, match="can run any program") as raised:
        read_judged(path)

    assert not mark.exists()
    assert "json.dump" in str(raised.value.hint)
    assert "weights_only=True" in str(raised.value.hint)


@pytest.mark.parametrize("value", [{"a": 1}, [{1, 2}], [collections.OrderedDict()], [1j], [b"x"]])
def test_other_things_are_refused(tmp_path: Path, value: object) -> None:
    path = tmp_path / "scores.pt"
    path.write_bytes(pickle.dumps(value, 4))

    with pytest.raises(FormatError):
        read_judged(path)


def test_every_cut_and_every_changed_byte_is_an_error_or_a_list(tmp_path: Path) -> None:
    content = pickle.dumps([1, 300, [4, 5, 6, 7], None], 4)
    path = tmp_path / "scores.pt"
    for place in range(2, len(content)):
        for changed in (content[:place], content[:place] + b"\xff" + content[place + 1 :]):
            path.write_bytes(changed)
            try:
                plain_pickle(path)
            except FormatError as error:
                assert str(path) in str(error)


def test_what_torch_saves_is_a_pickle_in_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "scores.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scores/data.pkl", pickle.dumps([3, 0, 5], 2))
        archive.writestr("scores/version", "3\n")

    assert read_judged(path).columns["score"].values.tolist() == [3, 0, 5]


def test_torch_s_own_files_are_read_where_they_hold_lists(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save([1, 2, 300], tmp_path / "list.pt")
    torch.save(torch.arange(3), tmp_path / "tensor.pt")

    assert read_judged(tmp_path / "list.pt").columns["score"].values.tolist() == [1, 2, 300]
    with pytest.raises(FormatError, match="can run any program"):
        read_judged(tmp_path / "tensor.pt")


def test_other_archives_and_texts_are_no_pickles(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    (tmp_path / "a.json").write_text("[1]")

    assert not is_pickled(tmp_path / "a.zip")
    assert not is_pickled(tmp_path / "a.json")
