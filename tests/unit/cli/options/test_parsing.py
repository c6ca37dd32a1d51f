import pytest

from assay.cli.options.parsing import parse_count, parse_device, parse_shard, parse_share
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


@pytest.mark.parametrize(
    ("text", "count"),
    [("10M", 10_000_000), ("250k", 250_000), ("52,002", 52_002), ("1.5b", 1_500_000_000), ("1", 1)],
)
def test_a_number_of_rows_may_be_written_short(text: str, count: int) -> None:
    assert parse_count(text, "--for-rows") == count


@pytest.mark.parametrize("text", ["", "0", "many", "-5", "5%", "1..5M"])
def test_what_is_no_number_of_rows_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--for-rows"):
        parse_count(text, "--for-rows")


@pytest.mark.parametrize("text", ["100%%", "%", "2 %%"])
def test_a_share_with_too_many_signs_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a share"):
        parse_share(text, "--max-set-aside")
