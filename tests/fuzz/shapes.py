"""Files that are well formed and say what nobody would say: what plain damage hardly ever makes."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from talkinghead.motion.arkit_csv import HEADER
from talkinghead.motion.files import MOTION_SUFFIXES
from tests.fuzz import seeds

_WORDS = st.sampled_from(
    ("", "a", "../a", "\0", "\ud800", "1", "nan", "-", "\n", "/", "start", "emotion", "happy", "😀" * 90)
)
_NUMBERS = st.one_of(
    st.integers(-2, 3),
    st.sampled_from((1 << 63, -(1 << 63), 10**400, 1 << 31, 16000)),
    st.floats(allow_nan=True, allow_infinity=True),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_WORDS, inner, max_size=2)),
    max_leaves=4,
)


def spoilt_json(known: dict[str, Any], *, nested: Sequence[str] = ()) -> st.SearchStrategy[bytes]:
    """`known` with some of its values exchanged, left out or added, also within its entries `nested`."""
    changes = st.dictionaries(st.one_of(st.sampled_from(sorted(known)), _WORDS), _VALUES, min_size=1, max_size=2)

    def changed(own: dict[str, Any], drop: str | None, inner: str | None) -> bytes:
        value = dict(known)
        if inner is not None and isinstance(value.get(inner), dict):
            value[inner] = {**value[inner], **own}
        else:
            value |= own
        value.pop(drop or "", None)
        return json.dumps(value).encode()

    inner = st.sampled_from((None, *nested))
    return st.builds(changed, changes, st.sampled_from((None, None, *sorted(known))), inner)


def spoilt_arrays() -> st.SearchStrategy[bytes]:
    """A motion file's arrays, some of another shape, type or value."""
    with np.load(io.BytesIO(seeds.motions(MOTION_SUFFIXES[0])[0])) as archive:
        known = {name: archive[name] for name in archive.files}
    kinds = st.sampled_from(("f2", "f4", "f8", "f16", "c8", "i1", "u8", "i8", "?", "U3", "S2", "M8[s]", "i4,f4"))
    shapes = st.lists(st.sampled_from((0, 1, 2, 3, 4, 52)), max_size=3).map(tuple)
    values = st.sampled_from((0, 1, -1, 127))
    odd = st.builds(lambda kind, shape, value: np.full(shape, value).astype(kind), kinds, shapes, values)
    extreme = st.builds(
        lambda name, value: np.full_like(known[name], value, dtype=np.float64),
        st.sampled_from(("blendshapes", "scale", "rotation", "expression", "rest_scale", "translation")),
        st.sampled_from((np.nan, np.inf, 1e39, -1e300, 3e38, 1e-45)),
    )
    huge = st.sampled_from(((1, 1 << 60), (1 << 60, 1), (0, 1), (1, 0), (-1, 1))).map(
        lambda pair: np.array(pair, np.int64)
    )
    changes = st.dictionaries(
        st.sampled_from((*sorted(known), "eye_ratio", "lip_ratio", "b")),
        st.one_of(odd, extreme, huge),
        min_size=1,
        max_size=2,
    )

    def saved(own: dict[str, Any]) -> bytes:
        file = io.BytesIO()
        np.savez(file, **{**known, **own})
        return file.getvalue()

    return changes.map(saved)


def spoilt_table() -> st.SearchStrategy[bytes]:
    """An ARKit CSV of a few lines with odd times and values."""
    times = st.one_of(
        st.from_regex(r"[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True),
        st.sampled_from(("00:00:00:00", "00:00:00:01", "00:00:01:00", "23:59:59:59.999", "99:99:99:999")),
    )
    numbers = st.sampled_from(("0", "1", "-1", "1e38", "1e39", "nan", "", "0.5", "-inf", "1_0", "3.4e38"))
    rows = st.lists(st.tuples(times, numbers, numbers), min_size=1, max_size=5)

    def table(lines: list[tuple[str, str, str]]) -> bytes:
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for time, weight, angle in lines:
            writer.writerow([time, 61, *[weight] * 52, *[angle] * 9])
        return file.getvalue().encode()

    return rows.map(table)


def spoilt_pickle() -> st.SearchStrategy[bytes]:
    """A template with odd parts, and containers in each other whose walk or hash takes for ever."""
    known = pickle.loads(seeds.motions(".pkl")[0])
    arrays = st.sampled_from(
        (
            np.float32(np.inf),
            np.zeros(63),
            np.full((1, 3, 3), 1e300),
            np.eye(3)[None] * -1,
            np.zeros(0),
            np.float16(7),
            np.arange(3, dtype=np.uint8),
            1,
            10**400,
            1e300,
            True,
            "30",
            "1/0",
            None,
        )
    )

    def changed(frame: dict[str, Any], outer: dict[str, Any], number: int) -> bytes:
        frames = [dict(one) for one in known["motion"]]
        frames[0].update(frame)
        return pickle.dumps({**known, "motion": frames, **outer}, number)

    def nested(depth: int, kind: str) -> bytes:
        value: Any = (1,)
        for _ in range(depth):
            value = [value, value] if kind == "list" else (value, value)
        made = pickle.dumps(value, 4)[:-1]
        return made + b"." if kind == "list" else _container(made, kind)

    frames = st.dictionaries(st.sampled_from(("exp", "R", "R_d", "t", "scale", "b")), arrays, max_size=2)
    outer = st.dictionaries(
        st.sampled_from(("output_fps", "n_frames", "c_eyes_lst", "c_lip_lst", "motion", "talkinghead")),
        arrays,
        max_size=1,
    )
    plain = st.builds(changed, frames, outer, st.integers(0, 5))
    return st.one_of(
        plain, plain, plain, st.builds(nested, st.integers(1, 60), st.sampled_from(("frozenset", "key", "list")))
    )


def _container(made: bytes, kind: str) -> bytes:
    """A pickle in which what the opcodes `made` make is a dictionary's key, or lies in a frozen set.

    Put together by hand: making the container itself would take as long as reading it.
    """
    body = made[2:] if made[2:3] != b"\x95" else made[11:]
    if kind == "key":
        return b"\x80\x04}" + body + b"K\x01s."
    return b"\x80\x04(" + body + b"\x91."
