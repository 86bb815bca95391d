"""Schedule: units, order, equality, reprs and files."""

from __future__ import annotations

import copy
import json
import math
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from specsched.schedules.schedule import Schedule, as_schedule

LEVELS = [157.4, 20.0, 3.0, 1.0, 0.25, 0.0]


def test_units_of_known_levels() -> None:
    schedule = Schedule.from_sigmas([3.0, 1.0, 0.0])
    assert schedule.sigmas.tolist() == [3.0, 1.0, 0.0]
    np.testing.assert_allclose(schedule.alpha_bar, [0.1, 0.5, 1.0], rtol=1e-15)
    np.testing.assert_allclose(schedule.flow_times, [0.75, 0.5, 0.0], rtol=1e-15)
    np.testing.assert_allclose(schedule.log_snr[:2], [-2 * math.log(3.0), 0.0], rtol=1e-15)
    assert schedule.log_snr[2] == math.inf
    assert schedule.steps == 2


@given(
    st.lists(st.floats(1e-4, 1e6), min_size=2, max_size=40, unique=True),
    st.booleans(),
)
def test_flow_times_round_trip(values: list[float], zero: bool) -> None:
    levels = sorted(values, reverse=True)
    kept = [levels[0]] + [b for a, b in pairwise(levels) if b < a * (1 - 1e-6)]
    if zero or len(kept) < 2:
        kept.append(0.0)
    schedule = Schedule(kept)
    back = Schedule.from_flow_times(schedule.flow_times)
    np.testing.assert_allclose(back.sigmas, schedule.sigmas, rtol=1e-9)  # 1 - t loses up to six digits at 1e6


def test_alpha_bar_round_trip() -> None:
    abar = np.array([4.036e-5, 0.01, 0.5, 0.99, 0.9999, 1.0])
    schedule = Schedule.from_alpha_bar(abar)
    np.testing.assert_allclose(schedule.alpha_bar, abar, rtol=1e-15)
    assert schedule.sigmas[0] == pytest.approx(157.4, abs=0.01)
    assert schedule.sigmas[-1] == 0.0
    assert Schedule([1e200, 1.0]).alpha_bar[0] == 0.0  # underflow, not an overflow warning


def test_levels_are_copied_read_only_and_float64() -> None:
    source = np.array(LEVELS, dtype=np.float32)
    schedule = Schedule(source)
    source[0] = 1.0
    assert schedule.sigmas[0] == pytest.approx(157.4)
    assert schedule.sigmas.dtype == np.float64
    assert schedule.sigmas.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        schedule.sigmas[0] = 1.0
    with pytest.raises(AttributeError):
        schedule.name = "other"  # type: ignore[misc]


def test_non_contiguous_input() -> None:
    assert Schedule(np.array(LEVELS[::-1])[::-1]).sigmas.flags.c_contiguous


@pytest.mark.parametrize(
    ("maker", "values", "message"),
    [
        (Schedule, [1.0, 2.0, 3.0], r"sigmas\[1\] = 2 .* reverse it"),
        (Schedule, [3.0, 1.0, 1.0], r"sigmas\[2\] = 1 does not lie below sigmas\[1\] = 1$"),
        (Schedule, [3.0, 1.0, 2.0], r"sigmas\[2\] = 2 does not lie below sigmas\[1\] = 1$"),
        (Schedule, [1.0], "at least 2 levels"),
        (Schedule, [], "must not be empty"),
        (Schedule, [[1.0, 0.5]], "one-dimensional"),
        (Schedule, [1.0, -0.5], r"sigmas\[1\] is -0.5"),
        (Schedule, [math.inf, 1.0], r"sigmas\[0\] is inf"),
        (Schedule, [2.0, math.nan], r"sigmas\[1\] is nan"),
        (Schedule.from_alpha_bar, [1.0, 0.5, 0.1], r"alpha_bar must increase .* reverse it"),
        (Schedule.from_alpha_bar, [0.1, 0.5, 0.5], r"alpha_bar\[2\] = 0.5 does not lie above"),
        (Schedule.from_alpha_bar, [0.0, 0.5], r"\(0, 1\]; alpha_bar\[0\] is 0; .* cap it"),
        (Schedule.from_alpha_bar, [0.5, 1.5], r"alpha_bar\[1\] is 1.5"),
        (Schedule.from_flow_times, [1.0, 0.5], r"\[0, 1\); flow_times\[0\] is 1; .*0.999"),
        (Schedule.from_flow_times, [0.0, 0.5], "reverse it"),
        (Schedule.from_flow_times, [0.9], "at least 2 levels"),
    ],
)
def test_bad_values(maker: object, values: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maker(values)  # type: ignore[operator]


@pytest.mark.parametrize("values", [[1 + 2j, 0], ["a", "b"], [True, False], None, [[1.0], [2.0, 3.0]]])
def test_bad_types(values: object) -> None:
    with pytest.raises(TypeError, match="sigmas"):
        Schedule(values)


def test_name_must_be_text() -> None:
    with pytest.raises(TypeError, match="name must be a string, got int"):
        Schedule(LEVELS, name=3)  # type: ignore[arg-type]


def test_sequence_of_levels() -> None:
    schedule = Schedule(LEVELS)
    assert len(schedule) == 6
    assert list(schedule) == LEVELS
    assert schedule[0] == 157.4
    assert schedule[1:3].tolist() == [20.0, 3.0]
    assert np.asarray(schedule) is schedule.sigmas
    assert np.asarray(schedule, dtype=np.float32).dtype == np.float32
    assert np.array(schedule).flags.writeable
    with pytest.raises(ValueError, match="needs a copy"):
        schedule.__array__(np.float32, copy=False)


def test_equality_and_hash() -> None:
    a, b = Schedule(LEVELS, name="a"), Schedule(LEVELS, name="b")
    assert a == b
    assert hash(a) == hash(b)
    assert hash(Schedule([1.0, -0.0])) == hash(Schedule([1.0, 0.0]))
    assert a != Schedule(LEVELS[:-1])
    assert a != LEVELS
    assert {a, b} == {a}
    assert a.renamed("c").name == "c"
    assert a.renamed("c") == a


def test_copies_and_pickles_stay_read_only() -> None:
    schedule = Schedule(LEVELS, name="p")
    for twin in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert twin == schedule
        assert twin.name == "p"
        assert not twin.sigmas.flags.writeable


def test_repr_names_steps_and_levels() -> None:
    assert repr(Schedule([2.0, 0.0])) == "Schedule(1 step, sigma 2 0)"
    text = repr(Schedule(np.geomspace(10, 0.1, 21), name="mine"))
    assert text == "Schedule('mine', 20 steps, sigma 10 7.943 6.31 5.012 ... 0.1585 0.1259 0.1)"


def test_html_repr_escapes_the_name() -> None:
    text = Schedule([1.0, 0.0], name="<b>")._repr_html_()
    assert "&lt;b&gt;: 1 step," in text
    assert "<td>1</td><td>0</td><td>1</td><td>inf</td><td>0</td>" in text


def test_as_schedule() -> None:
    schedule = Schedule(LEVELS)
    assert as_schedule(schedule) is schedule
    assert as_schedule(LEVELS) == schedule


@given(st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=12, unique=True))
def test_file_round_trip_is_exact(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("schedule") / "s.json"
    schedule = Schedule(sorted(values, reverse=True), name='näme "quoted"')
    schedule.save(path)
    back = Schedule.load(path)
    assert back == schedule
    assert back.name == schedule.name


def test_file_is_readable_json(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    Schedule([1.5, 0.1, 0.0], name="x").save(path)
    assert path.read_text(encoding="utf-8") == (
        '{\n  "format": "specsched.Schedule",\n  "version": 1,\n  "name": "x",\n  "steps": 2,\n'
        '  "sigmas": [\n    1.5,\n    0.1,\n    0.0\n  ]\n}\n'
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.json"]


def test_what_a_schedule_was_made_for(tmp_path: Path) -> None:
    """Plain values, read-only, kept by names, pickles and files; levels alone decide on equality."""
    facts = {
        "sampler": {"name": "ddim", "options": {"eta": 0.3}},
        "timesteps": np.array([9, 0]),
        "note": None,
    }
    schedule = Schedule([2.0, 0.5, 0.0], name="x", made_for=facts)
    plain = {"sampler": {"name": "ddim", "options": {"eta": 0.3}}, "timesteps": [9, 0], "note": None}
    assert schedule == Schedule([2.0, 0.5, 0.0])
    schedule.save(tmp_path / "s.json")
    content = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert content["version"] == 2
    assert content["made_for"] == plain
    for twin in (
        schedule,
        schedule.renamed("y"),
        pickle.loads(pickle.dumps(schedule)),
        Schedule.load(tmp_path / "s.json"),
    ):
        assert dict(twin.made_for) == plain
        with pytest.raises(TypeError, match="does not support item assignment"):
            twin.made_for["note"] = 1  # type: ignore[index]
    assert not Schedule([2.0, 0.0]).made_for


@pytest.mark.parametrize(
    ("facts", "error", "message"),
    [
        (3, TypeError, "made_for must be a mapping, got int"),
        ({3: 1}, TypeError, "text as keys, got int 3"),
        ({"a": {"b": object()}}, TypeError, r"made_for\['a'\]\['b'\] must be text, a number"),
        ({"a": [1.0, math.inf]}, ValueError, r"made_for\['a'\]\[1\] must be finite, got inf; write None"),
    ],
)
def test_what_made_for_may_hold(facts: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Schedule([2.0, 0.0], made_for=facts)  # type: ignore[arg-type]


def test_failed_save_leaves_nothing_behind(tmp_path: Path) -> None:
    occupied = tmp_path / "dir"
    occupied.mkdir()
    with pytest.raises(OSError, match="dir"):
        Schedule(LEVELS).save(occupied)
    with pytest.raises(FileNotFoundError):
        Schedule(LEVELS).save(tmp_path / "missing" / "s.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["dir"]
    assert not list(occupied.iterdir())


GOOD = {"format": "specsched.Schedule", "version": 1, "name": "", "steps": 1, "sigmas": [1.0, 0.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not a saved schedule"),
        ({"version": 3}, "version 3; this release reads versions 1 and 2"),
        ({"version": 2}, "misses made_for"),
        ({"made_for": {}}, "unknown entries made_for"),
        ({"version": 2, "made_for": 3}, "made_for must be a mapping, got int"),
        ({"version": True}, "version True"),
        ({"sigmas": None}, "sigmas must be a list"),
        ({"sigmas": [0.0, 1.0]}, "reverse it"),
        ({"sigmas": ["1", "0"]}, "real number"),
        ({"sigmas": [1.0, math.nan]}, "NaN is not admitted"),
        ({"steps": 2}, "steps is 2, but there are 2 levels"),
        ({"name": 3}, "name must be a string"),
        ({"extra": 1}, "unknown entries extra"),
        ({"name": ...}, "misses name"),
    ],
)
def test_strict_reading(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "s.json"
    content = {key: value for key, value in {**GOOD, **change}.items() if value is not ...}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        Schedule.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"3", b"\xff\xfe\x00"])
def test_files_that_are_no_schedules(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"s\.json"):
        Schedule.load(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Schedule.load(tmp_path / "none.json")


def test_resampled_keeps_curve_ends_and_memory() -> None:
    schedule = Schedule([100.0, 10.0, 1.0, 0.0], name="x", made_for={"process": "ve", "timesteps": [9, 5, 0]})
    finer = schedule.resampled(5)
    np.testing.assert_allclose(finer.sigmas, [100.0, 10**1.5, 10.0, 10**0.5, 1.0, 0.0], rtol=1e-14)
    assert finer.name == "x"
    assert dict(finer.made_for) == {"process": "ve", "resampled_from": 3}
    assert schedule.resampled(3) == schedule
    assert schedule.resampled(2).sigmas.tolist() == [100.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="3 steps from 100 to 0 cannot be resampled to 1"):
        schedule.resampled(1)
    with pytest.raises(ValueError, match="1 steps from 1 to 0 cannot be resampled to 2"):
        Schedule([1.0, 0.0]).resampled(2)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        schedule.resampled(0)
    with pytest.raises(TypeError, match="steps must be an integer, got float"):
        schedule.resampled(2.5)  # type: ignore[arg-type]
