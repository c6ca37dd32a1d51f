"""A head learns from labelled rows, is tested on others, and is kept by what it read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.component import FileSet, Scorer, build
from assay.engine.engine import Engine
from assay.errors import ConfigError, FeatureError
from assay.features.fitted_head import FittedHead
from assay.features.head_fit import HeadFit
from assay.features.head_predictions import HeadPredictions
from assay.features.record_field import RecordField
from assay.features.text import LexicalDiversity, RowAttribute
from assay.formats.records import Block
from assay.methods.judged.imported import Imported
from assay.models.head import Lesson, Shape
from assay.pool.building import build_pool
from assay.pool.pool import Pool, leading_words
from assay.progress import Silent
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Message, Origin, Reason, Sample
from assay.values import Numbers
from tests.rows import conversation
from tests.toys import ToyLength

pytest.importorskip("sklearn")

_WORDS = [
    "red",
    "blue",
    "green",
    "house",
    "tree",
    "river",
    "stone",
    "cloud",
    "bird",
    "fish",
    "long",
    "short",
    "bright",
    "dark",
]
_LENGTHS: tuple[Any, ...] = ("lengths",)
_STARS = RecordField(field="stars")


def _samples(count: int, *, seed: int = 0) -> list[Sample]:
    """Return rows whose stars rise with the logarithm of the answer's length; every third has."""
    rng = np.random.default_rng(seed)
    samples = []
    for place in range(count):
        answer = " ".join(rng.choice(_WORDS, int(rng.integers(1, 60))))
        stars = np.log1p(len(answer)) + rng.normal() * 0.1
        meta = {"stars": f"{stars:.3f}", "tone": "long" if len(answer) > 150 else "short"}
        samples.append(
            Sample(
                conversation(f"Question {seed} {place}?", answer),
                task=f"task {place % 11}",
                external_id=f"n{place}",
                meta=meta if place % 3 == 0 else {},
            )
        )
    return samples


def _pool(folder: Path, samples: Sequence[Sample], *, hold_out: float = 0.0) -> Pool:
    origins = [Origin(0, place) for place in range(len(samples))]
    return build_pool([Block(list(samples), origins)], folder, hold_out=hold_out)


def _engine(pool: Pool, cache: Path, **more: Any) -> Engine:
    return Engine(pool, Runtime(cache=cache, progress=Silent(), **{"workers": 1} | more))


def _head(**parameters: Any) -> FittedHead:
    return FittedHead(**{"labels": _STARS, "inputs": _LENGTHS} | parameters)


def _learned(**parameters: Any) -> Scorer:
    described = {"method": "learned", "labels": _STARS, "inputs": _LENGTHS} | parameters
    found = build(described, "scorer")
    assert isinstance(found, Scorer)
    return found


class _Spy:
    """Keeps what is handed to the heads of a runtime."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lessons: list[Lesson] = []
        usual = Runtime.head

        def head(runtime: Runtime, kind: Any) -> Any:
            found = usual(runtime, kind)
            fit = found.fit

            def watched(lesson: Lesson) -> Any:
                self.lessons.append(lesson)
                return fit(lesson)

            monkeypatch.setattr(found, "fit", watched, raising=False)
            return found

        monkeypatch.setattr(Runtime, "head", head)


# What it learns


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_what_was_planted_is_found_again(tmp_path: Path, kind: str) -> None:
    pool = _pool(tmp_path / "pool", _samples(240))
    engine = _engine(pool, tmp_path / "cache")

    fit = engine.value(_head(head=kind))
    told = engine.value(HeadPredictions(by=_head(head=kind)))

    assert len(fit.targets) == 80
    figures = fit.figures()
    assert figures.correlation > 0.9
    assert figures.interval.low > 0.8
    assert figures.error[0] < 0.4 * figures.error[1]
    lengths = np.log1p([len(each.response) for each in pool.conversations(np.arange(len(pool)))])
    assert np.corrcoef(told["value"], lengths)[0, 1] > 0.9
    assert fit.sentence().startswith("fitted on 80 labelled rows; held-out Spearman 0.9")


def test_a_labelled_row_has_the_number_of_a_head_that_did_not_see_it(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", _samples(120))
    engine = _engine(pool, tmp_path / "cache")

    fit: HeadFit = engine.value(_head())
    told: Numbers = engine.value(HeadPredictions(by=_head()))

    places = [pool.content_hashes.tolist().index(each) for each in fit.hashes.tolist()]
    np.testing.assert_array_equal(told["value"][places], fit.held_out[:, 0])
    from_all = fit.scale.of_rows(
        np.log1p(np.column_stack(list(engine.value(build("lengths", "feature")).columns.values())))
    )
    head = engine.runtime.head("linear")
    whole = head.predict(fit.arrays, from_all, Shape((6,)))[:, 0]
    others = np.setdiff1d(np.arange(len(pool)), places)
    np.testing.assert_allclose(told["value"][others], whole[others], rtol=1e-12)
    assert np.abs(told["value"][places] - whole[places]).min() > 0


def test_a_number_beyond_those_of_labelled_rows_counts_as_the_nearest(tmp_path: Path) -> None:
    samples = _samples(120)
    short = Sample(Conversation((Message("user", "Say."), Message("assistant", "a"))))
    pool = _pool(tmp_path / "pool", [*samples, short])
    engine = _engine(pool, tmp_path / "cache")

    fit: HeadFit = engine.value(_head())
    feature = HeadPredictions(by=_head())
    told: Numbers = engine.value(feature)

    counts = np.column_stack(list(engine.value(build("lengths", "feature")).columns.values()))
    inputs = np.log1p(counts)
    places = [pool.content_hashes.tolist().index(each) for each in fit.hashes.tolist()]
    low, high = inputs[places].min(axis=0), inputs[places].max(axis=0)
    beyond = ((inputs < low) | (inputs > high)).any(axis=1)
    answers = [row.response for row in pool.conversations(np.arange(121))]
    place = answers.index("a")
    assert beyond[place]
    assert ((told.flags & Flag.BEYOND_LABELS) != 0).tolist() == beyond.tolist()
    nearest = np.minimum(np.maximum(inputs[[place]], low), high)
    scaled = (nearest - inputs[places].mean(axis=0)) / inputs[places].std(axis=0)
    whole = engine.runtime.head("linear").predict(fit.arrays, scaled, Shape((6,)))
    assert told["value"][place] == pytest.approx(whole[0, 0], rel=1e-12)
    assert feature.told(told).startswith(f"{int(beyond.sum())} of 121 rows have a length")


def test_rows_of_a_fold_are_not_among_those_that_its_head_learns_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = _samples(120)
    samples += [Sample(each.conversation, task="again", meta=each.meta) for each in samples[:60]]
    engine = _engine(_pool(tmp_path / "pool", samples), tmp_path / "cache")
    spy = _Spy(monkeypatch)

    fit: HeadFit = engine.value(_head())

    *parts, last = spy.lessons
    assert len(last.targets) == len(fit.targets) == 60
    assert len(set(fit.hashes.tolist())) == 40  # some rows have the text of others
    for fold, lesson in zip(sorted(set(fit.folds.tolist())), parts, strict=True):
        seen, out = fit.targets[fit.folds != fold], fit.targets[fit.folds == fold]
        assert sorted(lesson.targets.tolist()) == sorted(seen.tolist())
        assert not set(lesson.targets.tolist()) & set(out.tolist())
        np.testing.assert_allclose(lesson.inputs.mean(axis=0), 0.0, atol=1e-9)


def test_rows_of_a_group_are_never_parted(tmp_path: Path) -> None:
    engine = _engine(_pool(tmp_path / "pool", _samples(240)), tmp_path / "cache")
    tasks = RowAttribute(attribute="task")

    alone: HeadFit = engine.value(_head())
    together: HeadFit = engine.value(_head(groups=tasks))

    hashes = engine.pool.content_hashes.tolist()
    words = engine.value(tasks).values.to_list()
    task_of = dict(zip(hashes, words, strict=True))

    def parted(fit: HeadFit) -> int:
        folds: dict[str, set[int]] = {}
        for each, fold in zip(fit.hashes.tolist(), fit.folds.tolist(), strict=True):
            folds.setdefault(task_of[each], set()).add(fold)
        return sum(len(found) > 1 for found in folds.values())

    assert parted(together) == 0
    assert parted(alone) > 5


def test_rows_that_are_held_out_of_the_project_teach_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = _samples(240)
    whole = _pool(tmp_path / "whole", samples, hold_out=0.3)
    spy = _Spy(monkeypatch)

    fit: HeadFit = _engine(whole, tmp_path / "one").value(_head())
    scores = _engine(whole, tmp_path / "one").value(_learned()).main

    hidden = set(whole.content_hashes[whole.held_out].tolist())
    assert hidden
    assert not hidden & set(fit.hashes.tolist())
    assert max(len(lesson.targets) for lesson in spy.lessons) == len(fit.targets) < 80
    assert set(scores.reason[whole.held_out].tolist()) == {Reason.HELD_OUT}
    assert not scores.reason[~whole.held_out].any()


def test_the_order_of_the_file_and_the_number_of_workers_change_no_byte(tmp_path: Path) -> None:
    samples = _samples(150)
    for stars in ("9", "1", "5"):  # of one text, which is judged otherwise each time
        samples.append(Sample(samples[0].conversation, meta={"stars": stars}))
    order = np.arange(len(samples))[::-1]
    stored = []
    for name, rows, workers in (("a", samples, 1), ("b", [samples[n] for n in order], 2)):
        engine = _engine(_pool(tmp_path / name, rows), tmp_path / f"cache {name}", workers=workers)
        scores = engine.value(_learned(head="mlp")).main
        (path,) = (tmp_path / f"cache {name}" / "fitted_head").rglob("*.safetensors")
        stored.append((path.read_bytes(), scores.values.tobytes()))

    assert stored[0] == stored[1]


def test_rows_that_their_place_alone_tells_apart_are_read_in_the_order_of_their_labels(
    tmp_path: Path,
) -> None:
    samples = [Sample(each.conversation) for each in _samples(60)]
    samples += samples[:20]
    numbers = [float(n * 7 % 23) for n in range(len(samples))]
    fits = []
    for name, turn in (("a", slice(None)), ("b", slice(None, None, -1))):
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(["rating", *map(str, numbers[turn])]) + "\n")
        labels = Imported(file=str(path), column="rating", match="row")
        pool = _pool(tmp_path / name, samples[turn])
        fits.append(_engine(pool, tmp_path / "cache").value(_head(labels=labels, head="mlp")))

    first, second = fits
    assert len(set(first.hashes.tolist())) == 60 < len(first.hashes)
    np.testing.assert_array_equal(first.targets, second.targets)
    np.testing.assert_array_equal(first.held_out, second.held_out)


# Labels of every kind


def test_words_are_learned_as_probabilities(tmp_path: Path) -> None:
    engine = _engine(_pool(tmp_path / "pool", _samples(240)), tmp_path / "cache")
    parameters = {"labels": RecordField(field="tone"), "objective": "class"}

    fit: HeadFit = engine.value(_head(**parameters))
    scores = engine.value(_learned(target_class="long", **parameters)).main
    other = engine.value(_learned(target_class="short", **parameters)).main

    assert fit.classes == ("long", "short")
    np.testing.assert_allclose(fit.held_out.sum(axis=1), 1.0)
    wrong, commonest = fit.figures("long").error
    assert wrong < 0.1
    assert commonest > 0.3
    loss, base = fit.figures("long").loss
    assert loss < 0.5 * base
    np.testing.assert_allclose(scores.values + other.values, 1.0)
    answers = [each.response for each in engine.pool.conversations(np.arange(len(engine.pool)))]
    are_long = np.array([len(answer) > 150 for answer in answers])
    assert ((scores.values > 0.5) == are_long).mean() > 0.9
    assert "accuracy" in fit.sentence()


def test_numbers_are_classes_where_that_is_asked(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", _samples(120))
    path = tmp_path / "ratings.csv"
    rows = [f"n{n},{1 + n % 2}" for n in range(120)]
    path.write_text("\n".join(["id,rating", *rows]) + "\n")
    labels = Imported(file=str(path), column="rating")

    fit: HeadFit = _engine(pool, tmp_path / "cache").value(_head(labels=labels, objective="class"))

    assert fit.classes == ("1", "2")
    assert np.bincount(fit.targets.astype(int)).tolist() == [60, 60]


def test_labels_of_another_file_teach_what_is_told_of_the_projects_rows(tmp_path: Path) -> None:
    own = [Sample(each.conversation) for each in _samples(60)]
    pool = _pool(tmp_path / "own", own)
    elsewhere = _pool(tmp_path / "other", [*_samples(60), *_samples(120, seed=5)])
    path = tmp_path / "ratings.jsonl"
    path.write_text("{}\n")
    engine = Engine(
        pool,
        Runtime(cache=tmp_path / "cache", progress=Silent(), workers=1),
        open_file=lambda dataset: elsewhere,
    )
    dataset = FileSet(source=str(path))

    fit: HeadFit = engine.value(_head(dataset=dataset))
    scores = engine.value(_learned(dataset=dataset)).main

    assert len(fit.targets) == 60
    lengths = np.log1p([len(each.response) for each in pool.conversations(np.arange(len(pool)))])
    assert np.corrcoef(scores.values, lengths)[0, 1] > 0.9
    # Rows that have the text of a labelled one are told by a head that did not learn from it.
    places = {each: place for place, each in enumerate(pool.content_hashes.tolist())}
    shared = [n for n, each in enumerate(fit.hashes.tolist()) if each in places]
    assert len(shared) == 20
    told = scores.values[[places[fit.hashes.tolist()[n]] for n in shared]]
    np.testing.assert_array_equal(told, fit.held_out[shared, 0])


def test_the_field_of_another_file_is_not_pinned_by_the_projects_rows(tmp_path: Path) -> None:
    path = tmp_path / "ratings.jsonl"
    path.write_text("{}\n")
    dataset = FileSet(source=str(path))
    keys = set()
    for name, samples in (("a", _samples(40)), ("b", _samples(41))):
        engine = _engine(_pool(tmp_path / name, samples), tmp_path / "cache")
        keys.add(engine.resolve(_STARS.at(dataset)).key)
        assert engine.resolve(_STARS).key not in keys

    assert len(keys) == 1
    path.write_text('{"a": 1}\n')
    assert _engine(_pool(tmp_path / "c", _samples(40)), tmp_path / "cache").resolve(
        _STARS.at(dataset)
    ).key not in keys  # fmt: skip


# What is missing


def test_a_row_that_lacks_an_input_has_the_reason_for_that(tmp_path: Path) -> None:
    samples = _samples(360)
    samples[1] = Sample(conversation("Question without words?", "!!!"))
    samples[3] = Sample(conversation("Question with a label?", "..."), meta={"stars": "3"})
    pool = _pool(tmp_path / "pool", samples)
    engine = _engine(pool, tmp_path / "cache", max_unscored=1.0)
    inputs = ("lengths", LexicalDiversity())

    fit: HeadFit = engine.value(_head(inputs=inputs))
    scores = engine.value(_learned(inputs=inputs)).main

    answers = [each.response for each in pool.conversations(np.arange(len(pool)))]
    without = np.array([answer in ("!!!", "...") for answer in answers])
    assert set(scores.reason[without].tolist()) == {Reason.NO_WORDS}
    assert np.isnan(scores.values[without]).all()
    few = scores.reason == Reason.NON_FINITE  # too few words for one of the measures
    assert 0 < few.sum() < len(pool)
    assert not scores.reason[~without & ~few].any()
    assert 30 <= len(fit.targets) < 120


def test_a_label_that_is_still_to_come_is_learned_from_by_the_next_run(tmp_path: Path) -> None:
    samples = _samples(60)
    samples[5] = Sample(conversation("Who judges this?", "later"))
    pool = _pool(tmp_path / "pool", samples)
    engine = _engine(pool, tmp_path / "cache", max_unscored=1.0)
    labels = build("toy_score", "scorer")
    assert ToyLength.name

    fit: HeadFit = engine.value(_head(labels=labels))
    scores = engine.value(_learned(labels=labels)).main

    assert len(fit.targets) == 59
    assert len(fit.waiting) == 1
    waiting = [
        place
        for place, each in enumerate(pool.conversations(np.arange(len(pool))))
        if each.response == "later"
    ]
    assert scores.reason[waiting].tolist() == [Reason.TRANSIENT]
    assert np.count_nonzero(scores.reason) == 1
    assert not list((tmp_path / "cache" / "fitted_head").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"labels": RecordField(field="rare")}, "29 rows have a label"),
        ({"labels": RecordField(field="same"), "objective": "class"}, "nothing to learn"),
        ({"groups": RecordField(field="same")}, "all labelled rows are of one group"),
        ({"labels": "lengths"}, "lengths gives no single number"),
        ({"inputs": [_STARS]}, "record_field gives neither vectors nor numbers"),
        ({"groups": "lengths"}, "lengths gives neither words nor groups"),
    ],
)
def test_what_teaches_nothing_is_one_clear_error(
    tmp_path: Path, parameters: dict[str, Any], message: str
) -> None:
    samples = [
        Sample(
            each.conversation,
            meta={**each.meta, "same": "x"} | ({"rare": "1"} if place < 29 else {}),
        )
        for place, each in enumerate(_samples(120))
    ]
    engine = _engine(_pool(tmp_path / "pool", samples), tmp_path / "cache")

    with pytest.raises(FeatureError, match=message):
        engine.value(_head(**parameters))


def test_a_score_is_no_label_of_another_file() -> None:
    for wrong in ({"labels": "longest_response"}, {"inputs": ["mtld"]}):
        with pytest.raises(ConfigError, match="of the project's own rows"):
            _head(dataset=FileSet(source="ratings.jsonl"), **wrong)
    with pytest.raises(ConfigError, match="inputs"):
        _head(inputs=())
    with pytest.raises(ConfigError, match="is no fitted_head"):
        HeadPredictions(by=build("lengths", "feature"))


# What is kept


def test_a_killed_run_goes_on_with_the_head_that_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = _pool(tmp_path / "pool", _samples(120))
    spy = _Spy(monkeypatch)
    usual = HeadPredictions.compute

    def killed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(HeadPredictions, "compute", killed)
    with pytest.raises(KeyboardInterrupt):
        _engine(pool, tmp_path / "cache").value(_learned())
    fits = len(spy.lessons)
    monkeypatch.setattr(HeadPredictions, "compute", usual)

    again = _engine(pool, tmp_path / "cache").value(_learned()).main
    assert len(spy.lessons) == fits > 1
    anew = _engine(pool, tmp_path / "other cache").value(_learned()).main
    assert len(spy.lessons) == 2 * fits
    np.testing.assert_array_equal(again.values, anew.values)


def _with_ids(samples: Sequence[Sample], shift: int) -> list[Sample]:
    return [
        Sample(each.conversation, external_id=f"n{(place + shift) % len(samples)}")
        for place, each in enumerate(samples)
    ]


@pytest.mark.parametrize("changed", ["numbers", "ids", "rows"])
def test_other_labels_never_find_the_head_of_these(tmp_path: Path, changed: str) -> None:
    path = tmp_path / "ratings.csv"
    samples = _samples(90)
    numbers = [float(len(each.conversation.response)) for each in samples]
    labels = Imported(file=str(path), column="rating", match="row" if changed == "rows" else "id")

    def fit(name: str, rows: Sequence[Sample], ratings: Sequence[float]) -> HeadFit:
        lines = [f"n{place},{number}" for place, number in enumerate(ratings)]
        path.write_text("\n".join(["id,rating", *lines]) + "\n")
        pool = _pool(tmp_path / name, rows)
        found: HeadFit = _engine(pool, tmp_path / "cache").value(_head(labels=labels))
        return found

    before = fit("before", _with_ids(samples, 0), numbers)
    if changed == "numbers":
        after = fit("after", _with_ids(samples, 0), numbers[::-1])
    elif changed == "ids":
        after = fit("after", _with_ids(samples, 1), numbers)
    else:
        after = fit("after", _with_ids(samples[::-1], 0), numbers)

    np.testing.assert_array_equal(after.hashes, before.hashes)
    assert (after.targets != before.targets).mean() > 0.5


def test_a_head_survives_the_disk(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", _samples(120))
    head = _head(labels=RecordField(field="tone"), objective="class")

    made: HeadFit = _engine(pool, tmp_path / "cache").value(head)
    read: HeadFit = _engine(pool, tmp_path / "cache").value(head)

    assert read.classes == made.classes
    assert read.sentence() == made.sentence()
    assert read.hashes.tolist() == made.hashes.tolist()
    assert sorted(read.arrays) == sorted(made.arrays)
    assert leading_words(read.hashes).tolist() == leading_words(made.hashes).tolist()


def test_a_head_has_a_price_that_grows_with_the_rows() -> None:
    runtime = Runtime(workers=1)
    for kind in ("linear", "mlp", "attention"):
        head = _head(head=kind, inputs=("embeddings", "lengths"))
        few, many = (head.work(rows, runtime) for rows in (1_000, 100_000))
        assert 10 * few < many
        assert head.memory(1_000, runtime) > 1e6
        assert HeadPredictions(by=head).work(1_000, runtime) > 0
