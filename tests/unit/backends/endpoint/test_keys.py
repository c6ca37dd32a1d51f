"""A key goes to the host that it is named for, and to no other."""

import sys
from pathlib import Path

import pytest

from assay.backends.endpoint import keys
from assay.backends.endpoint.keys import Host, Key, key_hint, key_of
from assay.errors import ConfigError

_SECRET = "sk-secret-0123456789"
_OPENAI = "https://api.openai.com/v1"
_OWN = "http://localhost:8000/v1"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        keys.KEYS_VARIABLE, keys.KEY_VARIABLE, keys.HOST_VARIABLE, keys.COMMAND_VARIABLE,
        *keys.PROVIDERS.values(),
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    keys._told.cache_clear()


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/v1",
        "https://api.openai.com.example.org/v1",
        "https://example.org/api.openai.com/v1",
        "https://api.openai.com@example.org/v1",
        "https://openai.com/v1",
        "http://api.openai.com/v1",  # in the clear
        "http://[::1/v1",
        "",
    ],
)
def test_the_key_of_a_provider_goes_to_no_other_address(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", _SECRET)

    assert key_of(url) == Key()


@pytest.mark.parametrize(("host", "variable"), sorted(keys.PROVIDERS.items()))
def test_the_key_of_a_provider_goes_to_that_provider(
    host: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f" {_SECRET}\n")

    assert key_of(f"https://{host.upper()}:443/v1/x") == Key(_SECRET, variable)


def test_a_key_without_a_host_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_API_KEY", _SECRET)

    assert [key_of(url).text for url in (_OWN, _OPENAI, "https://example.org")] == ["", "", ""]


@pytest.mark.parametrize(
    ("host", "url", "goes"),
    [
        ("localhost", _OWN, True),
        ("localhost:8000", _OWN, True),
        ("LocalHost:8000", _OWN, True),
        ("localhost:8001", _OWN, False),
        ("host", _OWN, False),
        ("example.org:443", "https://example.org/v1", True),
        ("example.org:80", "https://example.org/v1", False),
        ("example.org", "https://sub.example.org/v1", False),
        ("[::1]:8000", "http://[::1]:8000/v1", True),
    ],
)
def test_a_key_with_its_host_goes_there_alone(
    host: str, url: str, goes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_API_KEY", "one")
    monkeypatch.setenv("ASSAY_API_KEY_HOST", host)
    single = key_of(url)
    monkeypatch.delenv("ASSAY_API_KEY")
    monkeypatch.setenv("ASSAY_API_KEYS", f"elsewhere=another {host}=two=2")

    assert single.text == ("one" if goes else "")
    assert key_of(url).text == ("two=2" if goes else "")


def test_what_is_named_most_exactly_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_API_KEY_COMMAND", "echo command")
    monkeypatch.setenv("OPENAI_API_KEY", "provider")
    found = [key_of(_OPENAI).text]
    monkeypatch.setenv("ASSAY_API_KEY", "single")
    monkeypatch.setenv("ASSAY_API_KEY_HOST", "api.openai.com")
    found.append(key_of(_OPENAI).text)
    monkeypatch.setenv("ASSAY_API_KEYS", "api.openai.com=listed")
    found.append(key_of(_OPENAI).text)
    monkeypatch.setenv("ASSAY_API_KEY_HOST", "api.openai.com:443")
    found.append(key_of(_OPENAI).text)

    assert found == ["provider", "single", "listed", "single"]


@pytest.mark.parametrize("words", ["localhost", f"={_SECRET}", "localhost=", _SECRET])
def test_a_list_that_cannot_be_read_is_refused_without_showing_it(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_API_KEYS", f"other=key {words}")

    with pytest.raises(ConfigError, match="word 2 of ASSAY_API_KEYS") as found:
        key_of(_OWN)

    assert _SECRET not in f"{found.value} {found.value.hint}"


@pytest.mark.parametrize(
    "host", ["http://localhost", "me:you@localhost", "localhost:port", "localhost/v1"]
)
def test_a_host_that_is_none_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_API_KEY", _SECRET)
    monkeypatch.setenv("ASSAY_API_KEY_HOST", host)

    with pytest.raises(ConfigError, match="ASSAY_API_KEY_HOST names no host") as found:
        key_of(_OWN)

    assert "you" not in str(found.value)


@pytest.mark.parametrize("key", ["two words", "schlüssel", "a\x7fb"])
def test_a_key_that_no_header_can_hold_is_refused(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)

    with pytest.raises(ConfigError, match="OPENAI_API_KEY is no key") as found:
        key_of(_OPENAI)

    assert key not in str(found.value)


# The command


def _command(folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = folder / "tell a key.py"
    script.write_text(f"import sys, pathlib\nhost = sys.argv[-1]\n{program}\n", "utf-8")
    monkeypatch.setenv("ASSAY_API_KEY_COMMAND", f"{sys.executable} '{script}' --of")
    return folder / "runs"


def test_a_command_is_run_with_the_host_and_its_first_line_is_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = "pathlib.Path(__file__).with_name('runs').open('a').write(' '.join(sys.argv[1:]) + ';')"
    runs = _command(tmp_path, f"print('key-of-' + host); print('note')\n{count}", monkeypatch)

    found = [key_of(url) for url in (_OWN, _OWN, "https://example.org/v1")]

    texts = ["key-of-localhost:8000", "key-of-localhost:8000", "key-of-example.org"]
    assert [key.text for key in found] == texts
    assert runs.read_text() == "--of localhost:8000;--of example.org;"  # once for each


def test_a_command_that_prints_nothing_has_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _command(tmp_path, "", monkeypatch)

    assert key_of(_OWN).text == ""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (f"print('{_SECRET}'); sys.exit(3)", "ended with code 3"),
        (f"print('{_SECRET} {_SECRET}')", "what comes from ASSAY_API_KEY_COMMAND is no key"),
    ],
)
def test_a_command_that_fails_is_one_line_without_what_it_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    _command(tmp_path, program, monkeypatch)

    with pytest.raises(ConfigError, match=said) as found:
        key_of(_OWN)

    assert _SECRET not in f"{found.value} {found.value.hint} {found.value.__cause__}"


@pytest.mark.parametrize("command", ["/no/such/program", "'unclosed"])
def test_a_command_that_cannot_be_run_is_told(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_API_KEY_COMMAND", command)

    with pytest.raises(ConfigError, match="cannot be run, asked for the key of localhost:8000"):
        key_of(_OWN)


# What to set


def test_where_access_is_denied_it_is_said_what_to_set_for_that_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [key_hint(_OPENAI, Key()), key_hint(_OWN, Key())]
    monkeypatch.setenv("ASSAY_API_KEY", _SECRET)
    found += [key_hint(_OWN, Key()), key_hint(_OPENAI, Key(_SECRET, "OPENAI_API_KEY"))]

    assert "put the key of api.openai.com into OPENAI_API_KEY" in found[0]
    assert "name the key of localhost:8000: ASSAY_API_KEYS='localhost:8000=KEY'" in found[1]
    assert "set ASSAY_API_KEY_HOST=localhost:8000 beside it" in found[2]
    assert "api.openai.com does not take the key in OPENAI_API_KEY" in found[3]
    assert _SECRET not in "".join(found)


def test_a_key_is_never_part_of_what_is_shown_of_it() -> None:
    assert _SECRET not in f"{Key(_SECRET, 'X')!r} {Key(_SECRET, 'X')}"


@pytest.mark.parametrize(
    ("url", "text", "local"),
    [
        ("http://localhost:8000/v1", "localhost:8000", True),
        ("https://Example.org:443/", "example.org", False),
        ("http://[::1]:80", "[::1]", True),
        ("http://127.3.2.1", "127.3.2.1", True),
        ("http://localhost.example.org", "localhost.example.org", False),
    ],
)
def test_a_host_is_told_as_it_is_typed(url: str, text: str, local: bool) -> None:
    assert str(Host.of(url)) == text
    assert Host.of(url).is_local is local
