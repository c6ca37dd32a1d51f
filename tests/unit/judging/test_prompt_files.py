from pathlib import Path

import pytest

from assay.errors import ConfigError
from assay.judging.prompt_files import known_prompts, load_prompt, pin_prompt

_OWN = """
name = "mine"
kind = "scale"
system = "You grade poems."
user = '''
The poem:
{response}

{ask}
'''
[scale]
low = 1
high = 5
"""


def _file(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_prompts_that_come_with_assay_are_listed_and_pinned_to_their_content() -> None:
    assert {"alpagasus", "humback", "lift", "ds2", "qurating", "ask_llm", "instag"} <= {
        *known_prompts()
    }
    pinned = pin_prompt("alpagasus")
    assert pin_prompt(pinned) == pinned
    assert load_prompt(pinned) is load_prompt("alpagasus")


def test_a_file_of_ones_own_is_short_and_has_all_modes(tmp_path: Path) -> None:
    prompt = load_prompt(_file(tmp_path, _OWN))

    assert prompt.modes == ("label", "json", "text")
    assert prompt.slots == ("response",)
    assert "from 1 to 5" in prompt.render({}, "label").messages[1].text("")


def test_an_edited_file_is_told_from_what_was_pinned(tmp_path: Path) -> None:
    pinned = pin_prompt(_file(tmp_path, _OWN))
    _file(tmp_path, _OWN.replace("poems", "songs"))

    with pytest.raises(ConfigError, match="is no longer"):
        pin_prompt(pinned)


def test_line_ends_of_another_system_are_the_same_prompt(tmp_path: Path) -> None:
    pinned = pin_prompt(_file(tmp_path, _OWN))
    (tmp_path / "mine.toml").write_bytes(_OWN.replace("\n", "\r\n").encode())

    assert pin_prompt(pinned) == pinned


_FAULTS = {
    "low = 1": ("lo = 1", "scale.low: is missing"),
    "high = 5": ("high = 5\nhihg = 6", "scale.hihg: no such key"),
    "high = 5\n": ("high = 1\n", "scale: low has to be below high"),
    'kind = "scale"': ('kind = "number"', "kind: Input should be 'scale', 'options' or 'object'"),
    'name = "mine"': ('name = "My prompt"', "name: a name is a word of small letters"),
    "[scale]": ("[scael]", "scael: no such key"),
    "{response}": ("{respones}", "user: nothing is called {respones}"),
    "{ask}": ("", "user: has {ask} 0 times"),
    "The poem:\n{response}": ("A poem.", "user: shows no data"),
    "{response}\n\n{ask}": ("{response?}\n{ask}", "the paragraph with {ask} could be left out"),
    "grade poems": ("grade {response}", "system: data have no place there"),
    "You grade poems.": ("{ask?} poems", "system: {ask?} is never empty"),
    "low = 1\nhigh = 5": ("low = 1\nhigh = 500", "scale: a scale has at most 200 numbers"),
    "low = 1\nhigh = 5\n": ("low = 1\nhigh = 5\nstep = 0.3\n", "high has to be some steps above"),
    'kind = "scale"\n': ('kind = "options"\n', 'kind = "options" needs [options]'),
    'name = "mine"\n': ('name = "mine"\ntogether = true\n', "together is for a scale with several"),
    'system = "You': ('system = "You\n', "is no TOML"),
    "low = 1\n": ("low = nan\n", "scale.low: Input should be a finite number"),
    "high = 5\n ": ("", ""),
}


@pytest.mark.parametrize(("part", "fault"), [one for one in _FAULTS.items() if one[1][1]])
def test_a_fault_is_told_by_file_and_key(tmp_path: Path, part: str, fault: tuple[str, str]) -> None:
    text = _OWN.replace(part, fault[0])
    assert text != _OWN

    with pytest.raises(ConfigError) as caught:
        load_prompt(_file(tmp_path, text))

    assert str(tmp_path / "mine.toml") in caught.value.message
    assert fault[1] in caught.value.message
    assert caught.value.hint


_MODE_FAULTS = {
    "[modes.words]\nask = 'x'": "modes.words",
    "[modes.text]\nask = '{response}'": "modes.text.ask: data have no place there",
    "[modes.text]\nask = '{ask}'": "modes.text.ask: nothing is called {ask}",
    "[modes.json]\nform = 'brackets'": "modes.json.form: only words have a place",
    "[modes.label]\nany_number = true": "modes.label.any_number: only for numbers in words",
    "[modes.text]\nask = 'Write [[5]].'\nform = 'brackets'": "its own words hold an answer",
    "[modes.text]\nask = 'Score: 5'": "its own words hold an answer",
    "[modes.text]\nask = '3'\nform = 'first_line'": "its own words hold an answer",
    '[modes.json]\nask = \'{"analysis": "a", "scores": {"score": 3}}\'': "hold an answer",
    "[options]\nyes = []\nno = []": '[options] belongs to kind = "options"',
    "[dimensions]\n'Good One' = 'x'": "'Good One' is no name",
    "[dimensions]\na = '{response}'": "dimensions.a: data have no place there",
}


@pytest.mark.parametrize(("added", "fault"), _MODE_FAULTS.items())
def test_a_fault_of_a_mode_is_told_by_its_key(tmp_path: Path, added: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_prompt(_file(tmp_path, f"{_OWN}{added}\n"))

    assert fault in caught.value.message


def test_a_mode_that_cannot_be_is_refused(tmp_path: Path) -> None:
    ten = _OWN.replace("high = 5", "high = 10")

    assert load_prompt(_file(tmp_path, ten)).modes == ("json", "text")
    with pytest.raises(ConfigError, match=r"modes\.label: it cannot be answered so"):
        load_prompt(_file(tmp_path, f"{ten}[modes.label]\nmax_tokens = 1\n"))
    with pytest.raises(ConfigError, match="no mode is left"):
        load_prompt(_file(tmp_path, ten.replace("kind =", 'only = ["label"]\nkind =')))


def test_a_missing_or_unreadable_file_and_an_unknown_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_prompt(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="did you mean 'alpagasus'"):
        load_prompt("alpagassus")
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_prompt(str(tmp_path / "mine.toml"))


def test_a_nearest_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_prompt(_file(tmp_path, f"{_OWN}[modes.text]\nmax_token = 3\n"))

    assert caught.value.hint == "did you mean 'max_tokens'?"
