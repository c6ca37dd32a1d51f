"""Which files count as Assay's own after work on them has failed."""

from pathlib import Path

import pytest

from assay.stores.written import forget, is_as_written, remember, under_way


def _fails_after(cache: Path, paths: list[Path], written: list[Path]) -> None:
    with pytest.raises(OSError, match="full"), under_way(cache, paths):
        for path in written:
            path.write_text("new")
        raise OSError("full")


def test_what_was_written_before_work_failed_may_be_written_again(tmp_path: Path) -> None:
    whole, absent = tmp_path / "whole.json", tmp_path / "absent.json"

    _fails_after(tmp_path / "cache", [whole, absent], [whole])

    assert is_as_written(tmp_path / "cache", whole)
    absent.write_text("a person's own")
    assert not is_as_written(tmp_path / "cache", absent)
    whole.write_text("edited")
    assert not is_as_written(tmp_path / "cache", whole)


def test_what_work_that_failed_has_not_touched_is_as_it_was(tmp_path: Path) -> None:
    own, foreign = tmp_path / "own.json", tmp_path / "foreign.json"
    own.write_text("ours")
    foreign.write_text("theirs")
    remember(tmp_path / "cache", [own])

    _fails_after(tmp_path / "cache", [own, foreign], [])

    assert is_as_written(tmp_path / "cache", own)
    assert not is_as_written(tmp_path / "cache", foreign)


def test_a_mark_is_removed_while_another_process_puts_one_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, cache, remove = tmp_path / "own.json", tmp_path / "cache", Path.rmdir
    own.write_text("ours")
    remember(cache, [own])

    def late(folder: Path) -> None:
        (folder / "another").write_text("mark")
        remove(folder)

    monkeypatch.setattr(Path, "rmdir", late)
    forget(cache, [own])

    assert not is_as_written(cache, own)
