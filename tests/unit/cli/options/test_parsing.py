import pytest

from assay.cli.options.parsing import parse_device, parse_shard, parse_share
from assay.errors import UsageError


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.5", 0.5), ("0", 0.0), ("100%", 1.0)])
def test_a_share_is_read(text: str, share: float) -> None:
    assert parse_share(text, "--hold-out") == pytest.approx(share)


@pytest.mark.parametrize("text", ["2", "101%", "-1%", "some", "%", "nan"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a share"):
        parse_share(text, "--hold-out")


def test_shards_are_counted_from_one() -> None:
    assert parse_shard("1/4") == (0, 4)
    assert parse_shard("4/4") == (3, 4)


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "a/b"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="of the form I/N"):
        parse_shard(text)


@pytest.mark.parametrize("device", ["auto", "cpu", "mps", "cuda", "cuda:12"])
def test_a_device_is_known_by_its_form(device: str) -> None:
    assert parse_device(device) == device


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "", "cpu "])
def test_a_device_of_another_form_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match="is not known"):
        parse_device(device)
