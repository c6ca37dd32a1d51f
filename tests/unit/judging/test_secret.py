"""A folder has one secret, and every request its own nonce."""

import hashlib
import hmac
import stat
import threading
from pathlib import Path

import pytest

from assay.errors import CacheError
from assay.judging.secret import folder_secret, nonce


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "judge"

    first = folder_secret(folder)

    assert folder_secret(folder) == first
    assert len(first) == 32
    [path] = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_folders_have_two_secrets(tmp_path: Path) -> None:
    assert folder_secret(tmp_path / "a") != folder_secret(tmp_path / "b")


def test_a_secret_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    folder_secret(tmp_path)
    (tmp_path / "secret").chmod(0o644)

    folder_secret(tmp_path)

    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_many_who_come_first_at_once_get_the_same(tmp_path: Path) -> None:
    found: list[bytes] = []
    start = threading.Barrier(12)

    def look() -> None:
        start.wait()
        found.append(folder_secret(tmp_path / "judge"))

    threads = [threading.Thread(target=look) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 12
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "judge").iterdir()] == ["secret"]


@pytest.mark.parametrize("content", [b"", b"ab", b"\xff" * 64])
def test_a_damaged_secret_is_told(tmp_path: Path, content: bytes) -> None:
    folder_secret(tmp_path)
    (tmp_path / "secret").write_bytes(content)

    with pytest.raises(CacheError, match="remove it"):
        folder_secret(tmp_path)


def test_a_nonce_is_an_hmac_of_the_key() -> None:
    expected = hmac.digest(b"secret", b"key", hashlib.sha256).hex()[:16]

    assert nonce(b"secret", b"key") == expected
    assert nonce(b"secret", b"other") != expected
    assert nonce(b"other", b"key") != expected
