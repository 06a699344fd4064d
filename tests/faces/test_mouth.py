"""Whether a mouth is seen: covers are drawn over the examples, and what must not be taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.mouth_covers.changes import CHANGES
from benchmarks.mouth_covers.covers import COVERS
from talkinghead.core.types import Face, Image, Pixels
from talkinghead.faces import find_face
from talkinghead.faces.crop import resample
from talkinghead.faces.following import settled
from talkinghead.faces.mouth import Evidence, evidence, mouth_covered

TURNED = ("on its side", "leaning")


def close_up(image: Image, face: Face) -> tuple[Pixels, Face]:
    """The face and what is around it, 320 pixels square."""
    x, y, width, height = face.box
    scale = 320 / (2.4 * max(width, height))
    matrix = np.column_stack([np.eye(2) * scale, 160 - scale * np.array([x + width / 2, y + height / 2])])
    return resample(image.pixels, matrix, (320, 320)), face.moved(matrix)


@pytest.fixture(scope="module")
def people(astronaut: Image, astronaut_face: Face, hopper: Image, hopper_face: Face) -> list[tuple[Pixels, Face]]:
    return [close_up(astronaut, astronaut_face), close_up(hopper, hopper_face)]


@pytest.mark.parametrize("kind", [kind for kind in COVERS if kind not in ("cup", "microphone", "blur")])
def test_what_covers_a_mouth_is_seen(people: list[tuple[Pixels, Face]], kind: str) -> None:
    told = []
    for pixels, face in people:
        for seed in range(3):
            covered = COVERS[kind](pixels, face, np.random.default_rng(seed))
            told.append(mouth_covered(covered, settled(covered, face)))
    assert sum(told) >= 5, told


@pytest.mark.parametrize("kind", CHANGES)
def test_a_mouth_in_any_light_and_any_beard_is_a_mouth(people: list[tuple[Pixels, Face]], kind: str) -> None:
    for pixels, face in people:
        changed = CHANGES[kind](pixels, face, np.random.default_rng(0))
        found = find_face(Image(changed)) if kind in TURNED else settled(changed, face)
        assert not mouth_covered(changed, found)


def test_of_a_tiny_face_nothing_is_said(people: list[tuple[Pixels, Face]]) -> None:
    pixels, face = people[1]
    covered = COVERS["bar"](pixels, face, np.random.default_rng(0))
    assert mouth_covered(covered, settled(covered, face))
    scale = 14 / face.pupil_distance_px
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    small = resample(covered, matrix, (round(320 * scale), round(320 * scale)))
    assert not mouth_covered(small, face.moved(matrix))


def test_a_mouth_has_a_pattern_and_holds_the_mesh(people: list[tuple[Pixels, Face]]) -> None:
    pixels, face = people[1]  # the other one grins: its teeth are no part of the pattern
    bare = evidence(pixels, face)
    covered = COVERS["scarf"](pixels, face, np.random.default_rng(1))
    masked = evidence(covered, settled(covered, face))
    assert bare.pattern > masked.pattern + 0.2
    assert np.exp(bare.unrest) < 0.06 < np.exp(masked.unrest)
    assert bare.against < 0 < masked.against


def test_more_unrest_speaks_against_a_mouth_and_more_pattern_for_it() -> None:
    base = Evidence(0.5, 1.5, -3.0)
    assert base._replace(unrest=-2.0).against > base.against
    assert base._replace(pattern=0.7).against < base.against
    assert base._replace(contrast=2.0).against < base.against
