"""What ``assay judge`` says of a judge that says what is written down here."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch_service import BatchStub, serving_batches
from tests.end_to_end.in_process import Here, calls_in
from tests.judge_servers import LLAMA_CPP, NAME, OLD_OLLAMA, Personality, serving_judge
from tests.scripted_judge import MARK, ScriptedJudge, cut, labelled, refusal

_ROWS = 60
_PRICE = ("--price", "in=1,out=2")


@pytest.fixture
def assay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    rows = [
        {
            "id": f"n{place}",
            "instruction": f"{MARK}{place}. What comes next?",
            "output": "It goes on. " * (1 + place * 37 % 50),
        }
        for place in range(_ROWS)
    ]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    people = [f"n{place},{place % 6 if place % 3 else 5}" for place in range(_ROWS)]
    (tmp_path / "people.csv").write_text("\n".join(["id,score", *people]) + "\n")
    yield from calls_in(tmp_path, monkeypatch, capsys)


@pytest.fixture
def judge() -> Iterator[tuple[str, ScriptedJudge]]:
    """Yield a judge that gives most rows a number from 0 to 5, and two rows none."""
    yield from _serving(OLD_OLLAMA, {str(place): f"{place % 6}\nSo." for place in range(_ROWS)})


def _serving(
    personality: Personality, script: dict[str, object]
) -> Iterator[tuple[str, ScriptedJudge]]:
    script |= {"3": "no number at all", "4": refusal()} if personality is OLD_OLLAMA else {}
    stub = ScriptedJudge(personality, script=script)
    with serving_judge(stub) as base:
        yield f"{base}#{NAME}@1", stub


Judge = tuple[str, ScriptedJudge]


# What a judge can do


def test_a_probe_says_what_was_seen_and_how_the_judge_is_asked(assay: Here, judge: Judge) -> None:
    address, stub = judge
    found = assay("judge", "probe", address)
    asked = len(stub.asked)
    again = assay("judge", "probe", address, "--json")

    assert found.code == 0
    assert "accepted and ignored" in found.out
    assert "asked         in words" in found.out
    assert len(stub.asked) == asked, "what is known is not asked again"
    assert again.document["asked"]["mode"] == "text"
    assert again.document["findings"]["chat"]["standing"] == "yes"
    assert not again.document["probed_now"]


def test_a_probe_asks_anew_where_it_is_told_to(assay: Here, judge: Judge) -> None:
    address, stub = judge
    assay("judge", "probe", address)
    stub.personality = LLAMA_CPP
    found = assay("judge", "probe", address, "--again")

    assert "by the probabilities of labels" in found.out
    assert "it answers otherwise than before" in found.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("probe",), "one judge is probed at a time"),
        (("probe", "nothing"), "names no judge"),
        (("probe", "http://127.0.0.1:9/v1#m"), "127.0.0.1:9"),
        (("data.json",), "one method is tried at a time: none is named"),
        (("data.json", "mtld"), "mtld asks no judge"),
        (("data.json", "alpagasus"), "alpagasus asks a judge, and none is named"),
        (("report", "data.json", "nothing"), "neither a score nor a selection"),
        (("probe", "x", "--against", "y"), "--against goes with `assay judge report`"),
        (("report", "x", "--judge", "y"), "--judge goes with a pilot"),
        (("import", "nothing.jsonl"), "nothing.jsonl"),
        (("export", "out.jsonl"), "no reply of a judge is kept here"),
        ((), "nothing is named"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(assay: Here, words: tuple[str, ...], said: str) -> None:
    found = assay("judge", *words)

    assert found.code in (1, 2)
    assert said in found.err
    assert sum(line.startswith("error:") for line in found.err.splitlines()) == 1
    assert "bug" not in found.err


# A pilot


def test_a_pilot_shows_replies_and_tells_the_price_of_all(assay: Here, judge: Judge) -> None:
    address, _ = judge
    line = ("judge", "data.json", "alpagasus", "--judge", address, *_PRICE, "--sample", "40")
    found = assay(*line, "--json").document

    part = found["judges"][0]
    asked = sum(len(row["replies"]) for row in found["replies"])
    kept = [row["read"] for row in found["replies"]]
    failed = sum(isinstance(each, str) for row in kept for each in row)
    assert found["sample"] == 40
    assert part["spending"]["replies"] == asked
    assert part["parsed"]["value"] == pytest.approx((40 - failed) / 40)
    # A reply takes 50 tokens in and 10 out: 70 millionths; those without usage count, too.
    replied = sum(each["outcome"] == "ok" for row in found["replies"] for each in row["replies"])
    assert part["spending"]["prompt_tokens"] == 50 * asked
    assert part["rest"]["rows"] == _ROWS - 40
    assert part["rest"]["cost"]["expected"] == pytest.approx(70e-6 * asked / 40 * 20, rel=1e-3)
    assert part["rest"]["cost"]["low"] <= part["rest"]["cost"]["expected"]
    assert part["rest"]["seconds"] > 0
    assert replied
    first = found["replies"][0]
    assert MARK in first["replies"][0]["shown"][-1]["text"]
    assert first["replies"][0]["said"]


def test_what_a_pilot_asked_is_not_asked_again(assay: Here, judge: Judge) -> None:
    address, stub = judge
    line = ("data.json", "alpagasus", "--judge", address, *_PRICE)
    pilot = assay("judge", *line, "--sample", "30")
    told = dict(stub.told)
    scored = assay("score", *line, "--max-unscored", "100%")

    assert "still to ask" in pilot.out
    assert "assay score data.json alpagasus --judge" in pilot.err
    assert scored.code == 0
    assert len(told) == 30
    assert all(stub.told[case] == times for case, times in told.items())
    assert len(stub.told) == _ROWS


def test_a_dry_pilot_sends_nothing(assay: Here, judge: Judge) -> None:
    address, stub = judge
    found = assay("judge", "data.json", "alpagasus", "--judge", address, *_PRICE, "-n")

    assert "50 requests" in found.out
    assert stub.asked == []


def test_a_cap_that_is_too_small_is_one_clear_line(assay: Here, judge: Judge) -> None:
    address, stub = judge
    line = ("judge", "data.json", "alpagasus", "--judge", address, *_PRICE)
    found = assay(*line, "--max-cost", "0.0001")

    assert found.code == 3
    assert "that may still be spent" in found.err
    assert stub.told == {}


# What a score is worth


def _scored(assay: Here, address: str, *words: str) -> None:
    found = assay("score", "data.json", "alpagasus", "--judge", address, *_PRICE,
                  "--max-unscored", "100%", "--name", "judged", *words)  # fmt: skip
    assert found.code == 0, found.err


def test_a_report_tells_ties_outcomes_length_and_money(assay: Here, judge: Judge) -> None:
    address, stub = judge
    _scored(assay, address)
    asked = sum(stub.told.values())
    found = assay("judge", "report", "data.json", "judged", "--budget", "15", "--json").document
    shown = assay("judge", "report", "data.json", "judged")

    # Of 60 rows ten each say 0 to 5, but two say nothing.
    assert found["scored"] == 58
    assert found["outcomes"] == {"PARSE_FAILED": 1, "REFUSED": 1}
    assert found["cut"]["distinct"] == 6
    assert found["cut"]["borders"] == [
        {"words": "at least 4.5", "passing": 10, "at": 0, "inside": True}
    ]
    # The rule leaves the ten that say 5, and a budget takes no more.
    assert found["cut"]["count"] == 10
    assert found["lengths"]["rows"] == 58
    spending = found["asked"][0]["spending"]
    assert spending["replies"] == asked == 61
    assert spending["asked_once_more"] == 1
    assert spending["without"] == 1
    assert spending["prompt_tokens"] == 61 * 50
    assert spending["cost"] == pytest.approx(61 * 70e-6)
    assert spending["money"]["settled"] == pytest.approx(spending["cost"] + spending["beside"])
    assert found["asked"][0]["retest"] is None
    assert "money" in shown.out
    assert "USD" in shown.out


def test_a_failed_try_is_counted_beside_the_replies(assay: Here, judge: Judge) -> None:
    address, stub = judge
    stub.script = {**stub.script, "7": [(502, {"error": {"message": "later"}}), "5\nSo."]}
    _scored(assay, address)
    found = assay("judge", "report", "data.json", "judged", "--json").document

    spending = found["asked"][0]["spending"]
    assert spending["tries_again"] >= 1
    assert spending["beside"] > 0, "a server may bill for a try that it broke off"
    assert spending["money"]["settled"] == pytest.approx(spending["cost"] + spending["beside"])


def test_a_report_holds_a_score_against_peoples_labels(assay: Here, judge: Judge) -> None:
    address, _ = judge
    _scored(assay, address)
    assay("import-scores", "data.json", "people.csv", "--column", "score", "--name", "people")
    line = ("judge", "report", "data.json", "judged", "--against", "people")
    found = assay(*line, "--json").document
    page = assay(*line, "-o", "judge.html")

    against = found["against"]
    # Rows that three divides have 5 from people, all others the judge's number.
    agreed = [place for place in range(_ROWS) if place not in (3, 4) and
              (place % 3 or place % 6 == 5)]  # fmt: skip
    assert against["agreement"]["rows"] == 58
    assert against["agreement"]["exact"]["value"] == pytest.approx(len(agreed) / 58)
    assert [step["rows"] for step in against["steps"]] == [10, 10, 10, 9, 9, 10]
    assert against["steps"][0]["label"]["value"] == 5.0
    assert against["steps"][1]["label"]["low"] <= 1.0 <= against["steps"][1]["label"]["high"]
    assert found["conclusions"]
    assert page.code == 0
    assert "kappa" in page.out
    written = Path("judge.html").read_text()
    assert written.count("<svg") == 2
    assert "Content-Security-Policy" in written
    assert "<script" not in written
    # It may be sent to anybody: it does not say where the judge answers.
    assert "127.0.0.1" not in written


def test_labels_of_people_have_a_report_of_their_own(assay: Here) -> None:
    assay("import-scores", "data.json", "people.csv", "--column", "score", "--name", "people")
    found = assay("judge", "report", "data.json", "people", "--json").document

    assert found["asked"] == []
    assert found["scored"] == _ROWS


def test_a_score_of_no_judge_has_no_report(assay: Here) -> None:
    assay("score", "data.json", "mtld")
    found = assay("judge", "report", "data.json", "mtld")

    assert found.code == 2
    assert "mtld was given by no judge, nor imported" in found.err


def test_what_is_asked_twice_tells_how_far_a_judge_repeats_itself(assay: Here) -> None:
    script: dict[str, object] = {
        str(place): [f"{place % 6}\nSo.", f"{place % 6 if place % 2 else 0}\nSo."]
        for place in range(_ROWS)
    }
    stub = ScriptedJudge(OLD_OLLAMA, script=script)
    with serving_judge(stub) as base:
        _scored(assay, f"{base}#{NAME}@1", "--set", "repeats=2", "--set", "temperature=0.5")
    found = assay("judge", "report", "data.json", "judged", "--json").document

    again = found["asked"][0]["retest"]
    # The odd rows repeat themselves, and of the even ones those that say 0.
    assert again["answers"] == _ROWS
    assert again["equal"]["value"] == pytest.approx(40 / 60)
    assert again["difference"] == pytest.approx((2 + 4) * 10 / 60)


def test_the_probability_on_labels_counts_rows_that_have_no_number(assay: Here) -> None:
    script: dict[str, object] = {
        str(place): labelled({"5": 0.95, "The": 0.05} if place % 3 else {"5": 0.2, "The": 0.8})
        for place in range(_ROWS)
    }
    stub = ScriptedJudge(LLAMA_CPP, script=script)
    with serving_judge(stub) as base:
        _scored(assay, f"{base}#{NAME}@1")
    found = assay("judge", "report", "data.json", "judged", "--json").document

    coverage = found["asked"][0]["coverage"]
    assert coverage["replies"] == _ROWS
    assert coverage["mean"] == pytest.approx((40 * 0.95 + 20 * 0.2) / 60)
    assert coverage["enough"] == pytest.approx(2 / 3)
    assert "mostly means to say something else" in " ".join(found["conclusions"])


# Money and replies elsewhere


def test_status_tells_what_judges_have_cost(assay: Here, judge: Judge) -> None:
    address, _ = judge
    _scored(assay, address, "--price", "in=1,out=2,currency=EUR")
    shown = assay("status", "data.json")
    [found] = assay("status", "data.json", "--json").document[0]["judges"]
    report = assay("judge", "report", "data.json", "judged", "--json").document

    money = report["asked"][0]["spending"]["money"]
    assert found == {"scores": ["judged"], "judge": address, **money}
    assert found["currency"] == "EUR"
    assert found["settled"] >= 61 * 70e-6
    assert "EUR" in shown.out


def test_status_tells_what_a_pilot_has_cost(assay: Here, judge: Judge) -> None:
    address, _ = judge
    assay("judge", "data.json", "alpagasus", "--judge", address, *_PRICE)
    shown = assay("status", "data.json")
    assay("score", "data.json", "mtld")
    [found] = assay("status", "data.json", "--json").document[0]["judges"]

    assert found["settled"] > 0
    assert found["scores"] == []
    assert "tried, without a score" in shown.out


def test_a_row_is_shown_with_the_reply_that_its_score_rests_on(assay: Here, judge: Judge) -> None:
    address, _ = judge
    _scored(assay, address)
    listed = assay("show", "data.json", "judged", "--json").document["rows"]
    shown = assay("show", "data.json", listed[0]["id"])
    found = assay("show", "data.json", listed[0]["id"], "--json").document[0]

    assert "5 So." in shown.out
    [replied] = found["judged"]
    assert replied["score"] == "judged"
    assert replied["replies"][0]["said"] == "5\nSo."
    assert replied["read"] == [{"accuracy": 5.0}]


def test_replies_that_are_handed_on_are_replayed_without_a_network(
    assay: Here, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, stub = judge
    stub.personality = LLAMA_CPP
    stub.script = {str(place): labelled({"4": 0.5, "5": 0.5}) for place in range(_ROWS)}
    _scored(assay, address)
    written = assay("judge", "export", "replies.jsonl", "-p", "data.assay")
    asked = len(stub.asked)

    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "elsewhere"))
    dry = assay("judge", "import", "replies.jsonl", "-n")
    taken = assay("judge", "import", "replies.jsonl")
    again = assay("judge", "import", "replies.jsonl", "--json")
    scored = assay("score", "data.json", "alpagasus", "--judge", address, *_PRICE,
                   "-p", "other.assay", "--offline", "--json")  # fmt: skip

    assert "60 replies written" in written.out
    assert "60 replies would be taken in" in dry.out
    assert "60 replies taken in" in taken.out
    assert again.document["replies"] == 0
    assert scored.document["scores"][0]["quantiles"]["0.5"] == pytest.approx(4.5)
    assert len(stub.asked) == asked


def test_offline_without_what_was_found_of_a_judge_says_so(assay: Here, judge: Judge) -> None:
    found = assay("judge", "probe", "http://judge.example/v1#m", "--offline")

    assert found.code == 1
    assert "was not probed yet, and nobody is asked" in found.err


def test_a_cut_reply_is_named_as_such(assay: Here, judge: Judge) -> None:
    address, stub = judge
    stub.script = {str(place): cut("I would like") for place in range(_ROWS)}
    found = assay("judge", "data.json", "alpagasus", "--judge", address, *_PRICE, "--sample", "10")

    assert "reply truncated" in found.out
    assert "0%" in found.out


# Rows that are compared with each other


def test_comparisons_are_reported_shown_counted_and_handed_on(
    assay: Here, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, stub = judge
    stub.compares = lambda first, second: f"Verdict: {'A' if int(first) > int(second) else 'B'}"
    words = ("score", "data.json", "qurating", "--judge", address, *_PRICE, "--set", "rounds=3")
    assert assay(*words, "--name", "strong").code == 0
    asked = len(stub.pairs)

    report = assay("judge", "report", "data.json", "strong", "--json").document
    [account] = assay("status", "data.json", "--json").document[0]["judges"]
    best = assay("show", "data.json", "strong", "--json").document["rows"][0]["id"]
    [replied] = assay("show", "data.json", best, "--json").document[0]["judged"]
    written = assay("judge", "export", "replies.jsonl", "-p", "data.assay")

    [part] = report["asked"]
    assert (part["feature"], part["spending"]["replies"]) == ("judged_pairs", asked)
    assert part["spending"]["cost"] == pytest.approx(asked * 70e-6)
    assert report["verdicts"]["consistency"]["value"] == 1.0
    assert report["verdicts"]["first_place"]["value"] == pytest.approx(0.5)
    assert account["scores"] == ["strong"]
    # In three circles a row is in six pairs, each asked for in both orders; some meet twice.
    own = [pair for pair in stub.pairs if "59" in pair]
    assert len(replied["replies"]) == len(own)
    assert len(own) in (8, 10, 12)
    assert {next(iter(read.values())) for read in replied["read"]} == {"A", "B"}
    assert f"{asked} replies written" in written.out
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "elsewhere"))
    assay("judge", "import", "replies.jsonl")
    again = assay(*words, "-p", "other.assay", "--offline")
    assert again.code == 0, again.err
    assert len(stub.pairs) == asked


def test_a_pilot_of_single_rows_tells_nothing_of_comparisons(assay: Here, judge: Judge) -> None:
    found = assay("judge", "data.json", "qurating", "--judge", judge[0], *_PRICE)

    assert found.code == 2
    assert "asks a judge about several rows at a time" in found.err
    assert "assay judge report" in found.err


# Batches


def test_a_batch_is_handed_in_taken_down_and_paid_for_once(
    assay: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.judging.batch._FIRST_WAIT_SECONDS", 0.01)
    script = {str(place): f"{place % 6}\nSo." for place in range(_ROWS)}
    stub = BatchStub(ScriptedJudge(OLD_OLLAMA, script=script), polls=2)
    with serving_batches(stub) as base:
        words = ("data.json", "alpagasus", "--judge", f"{base}#{NAME}@1", *_PRICE)
        dry = assay("judge", "batch", *words, "-n")
        assert not stub.batches
        first = assay("judge", "batch", *words, "--price-share", "0.5")
        [last] = assay("judge", "batch", *words, "--price-share", "0.5", "--wait",
                       "--json").document  # fmt: skip
        done = assay("judge", "batch", *words)
        told = sum(stub.judge.told.values())
        scored = assay("score", *words, "--json")

    assert "60 requests" in dry.out + dry.err
    assert "handed in   60 requests" in first.out
    assert "next: assay judge batch data.json" in first.err + first.out
    assert (last["kept"], last["open"], last["currency"]) == (60, 0, "USD")
    assert last["spent"] == pytest.approx(60 * 70e-6 / 2)
    assert "handed in   0 requests" in done.out
    assert "next: assay score data.json" in done.err + done.out
    assert scored.code == 0, scored.err
    assert sum(stub.judge.told.values()) == told == 60
    assert len(stub.batches) == 1


def test_options_of_batches_are_of_no_other_action(assay: Here, judge: Judge) -> None:
    found = assay("judge", "probe", judge[0], "--wait")

    assert found.code == 2
    assert "--wait goes with `assay judge batch`" in found.err


# Names


def test_the_name_of_a_method_stands_for_its_only_score(assay: Here, judge: Judge) -> None:
    address, _ = judge
    words = ("score", "data.json", "alpagasus", "--judge", address, *_PRICE,
             "--max-unscored", "100%")  # fmt: skip
    assay(*words)
    named = assay("judge", "report", "data.json", "alpagasus", "--json").document
    assay(*words, "--set", "dimension=helpfulness")
    several = assay("judge", "report", "data.json", "alpagasus")

    assert named["scored"] == 58
    assert several.code == 1
    assert "alpagasus has given 2 scores" in several.err
    assert several.err.count("alpagasus-") == 2
