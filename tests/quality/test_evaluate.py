"""Figures of videos that are made here, and for which the answers are known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from click.testing import CliRunner

from talkinghead.cli import main
from talkinghead.core.errors import AudioError, FaceError, VideoError
from talkinghead.core.types import Face, Pixels
from talkinghead.faces import find_face
from talkinghead.faces.paste import paste_back
from talkinghead.media.images import read_image
from talkinghead.media.video import write_video
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES
from talkinghead.motion.motion import Motion
from talkinghead.quality.distances import LandmarkDistance, PictureDistance, closures, face_window, ssim
from talkinghead.quality.evaluate import Evaluation, evaluate
from talkinghead.quality.face_series import FaceSeries, frame_levels
from talkinghead.renderers.warp import WarpRenderer

FPS = Fraction(25)
SHIFT = 3
FRAMES = 28
RATE_HZ = 16_000


@dataclass(frozen=True)
class Videos:
    """`clip`, the same three frames later, in half the size at 50 per second and without sound, and its beginning."""

    clip: Path
    late: Path
    small: Path
    short: Path


def opening(frames: int) -> npt.NDArray[np.float64]:
    t = np.arange(frames) / 25
    return np.maximum(0, np.sin(2 * np.pi * 2.3 * t) * np.sin(2 * np.pi * 0.7 * t + 0.5)) * 0.7


def drawn(portrait_file: Path, frames: int) -> list[Pixels]:
    """A small portrait that speaks and blinks once."""
    image = read_image(portrait_file)
    renderer = WarpRenderer()
    portrait = renderer.crop(image, find_face(image))
    shapes = np.zeros((frames, N_BLENDSHAPES), np.float32)
    shapes[:, BLENDSHAPE_INDEX["jawOpen"]] = opening(frames)
    for side in ("Left", "Right"):
        shapes[10:14, BLENDSHAPE_INDEX[f"eyeBlink{side}"]] = 1
    crops = renderer.open(portrait).draw(Motion.from_blendshapes(shapes, FPS))
    return [paste_back(portrait.image.pixels, crop) for crop in crops]


def sound(frames: int, path: Path) -> Path:
    """A tone that is as loud as the mouth is open."""
    level = np.interp(np.arange(frames * 640) / 640, np.arange(frames), opening(frames))
    tone = 0.6 * level * np.sin(np.arange(frames * 640) * 0.2)
    soundfile.write(path, tone.astype(np.float32), RATE_HZ)
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Videos:
    folder, frames = tmp_path_factory.mktemp("videos"), FRAMES
    picture = cv2.resize(cv2.imread(str(examples / "grace_hopper.jpg")), (256, 300), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "portrait.png"), picture)
    pictures = drawn(folder / "portrait.png", frames)
    tone = sound(frames, folder / "tone.wav")
    found = Videos(folder / "clip.mp4", folder / "late.mp4", folder / "small.mp4", folder / "short.mp4")
    write_video(found.clip, pictures, FPS, tone, quality=10)
    write_video(found.late, [*pictures[:1] * SHIFT, *pictures[:-SHIFT]], FPS, tone, quality=10)
    half = [cv2.resize(pixels, (128, 150), interpolation=cv2.INTER_AREA) for pixels in pictures]
    write_video(found.small, [half[k // 2] for k in range(frames * 2)], Fraction(50), quality=10)
    write_video(found.short, pictures[:12], FPS, tone, duration_s=12 / 25, quality=10)
    return found


@pytest.fixture(scope="module")
def copy(videos: Videos) -> Evaluation:
    return evaluate(videos.clip, videos.clip)


def test_a_copy_is_as_it_was(copy: Evaluation) -> None:
    found = json.loads(copy.as_json())
    against = found["against_reference"]
    assert (against["lmd"], against["m_lmd"], against["f_lmd"]) == (0, 0, 0)
    assert (against["ssim"], against["face_ssim"]) == (1, 1)
    assert (against["psnr_db"], against["face_psnr_db"], against["identical"]) == (None, None, True)
    assert (against["opening_correlation"], against["opening_lag_ms"]) == (1, 0)
    assert (against["closures_kept"], against["closures_right"]) == (1, 1)
    assert found["compared"] == {"fps": "25", "frames": 28, "size": [256, 300], "seconds": 1.12, "notes": []}
    assert found["alone"]["video"] == found["alone"]["reference"]


def test_what_comes_late_is_told(videos: Videos) -> None:
    found = evaluate(videos.late, videos.clip)
    against = found.against_reference
    assert against is not None
    assert against.opening_lag_ms == 1000 * SHIFT / 25
    assert against.opening_correlation is not None
    assert against.opening_correlation > 0.99
    assert against.opening_correlation_unshifted is not None
    assert against.opening_correlation_unshifted < 0.8
    assert against.lmd is not None
    assert against.lmd > 0.01
    assert found.alone["video"].sound_lag_ms == 1000 * SHIFT / 25


def test_a_smaller_copy_at_another_rate_is_brought_together(videos: Videos) -> None:
    found = evaluate(videos.small, videos.clip)
    assert found.against_reference is not None
    assert found.compared.fps == "25"
    assert found.compared.size == (256, 300)
    assert found.compared.notes[0].startswith("read at 25 frames per second")
    assert found.compared.notes[1] == "the video's frames were scaled from 128x150 to 256x300"
    assert found.against_reference.lmd is not None
    assert found.against_reference.lmd < 0.02
    assert found.against_reference.opening_lag_ms == 0
    assert found.against_reference.opening_correlation is not None
    assert found.against_reference.opening_correlation > 0.98
    assert found.against_reference.ssim is not None
    assert 0.75 < found.against_reference.ssim < 0.99
    told = json.loads(found.as_json())["against_reference"]
    assert told["identical"] is False
    assert 20 < told["psnr_db"] < 40
    assert found.alone["video"].reasons["sound"] == "there is no sound"
    assert found.alone["video"].sound_correlation is None


def test_one_video_tells_of_its_mouth_eyes_and_head(copy: Evaluation) -> None:
    alone = copy.alone["video"]
    assert alone.frames_without_face == 0
    assert alone.sound_correlation is not None
    assert alone.sound_correlation > 0.7
    assert alone.sound_lag_ms == 0
    assert alone.blinks == 1
    assert alone.blinks_per_minute == pytest.approx(60 / 1.12)
    assert alone.head_std_deg is not None
    assert max(alone.head_std_deg) < 1.5
    assert alone.head_speed_deg_s is not None
    assert alone.head_speed_deg_s < 6
    assert alone.head_travel is not None
    assert alone.head_travel < 0.03


def test_what_cannot_be_measured_is_refused(videos: Videos, tmp_path: Path, examples: Path) -> None:
    grey = np.full((96, 96, 3), 120, np.uint8)
    write_video(tmp_path / "grey.mp4", [grey] * 12, FPS)
    with pytest.raises(FaceError, match="shows no face that could be measured"):
        evaluate(tmp_path / "grey.mp4")
    with pytest.raises(FaceError, match=r"grey\.mp4 shows no face"):
        evaluate(videos.short, tmp_path / "grey.mp4")
    with pytest.raises(VideoError, match="is a picture: evaluate measures videos"):
        evaluate(examples / "grace_hopper.jpg")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match="cannot be read as video"):
        evaluate(videos.clip, tmp_path / "text.mp4")
    with pytest.raises(VideoError, match="is sound alone"):
        evaluate(examples / "speech.wav")


def test_the_command_prints_and_writes(videos: Videos, tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    done = CliRunner().invoke(main, ["evaluate", str(videos.short), str(videos.short), "-q", "-o", str(target)])
    assert done.exit_code == 0, done.output
    assert "LMD, lips by their own middle              0 eye distances" in done.output
    assert "PSNR, the face                             inf dB" in done.output
    written: dict[str, Any] = json.loads(target.read_text())
    assert written["schema"] == 1
    again = CliRunner().invoke(main, ["evaluate", str(videos.short), "-q", "--json", "-o", str(target)])
    assert (again.exit_code, "exists" in again.output) == (1, True)


def test_ssim_is_the_papers() -> None:
    """Against the paper's formula, window by window, written out."""
    rng = np.random.default_rng(2)
    a, b = (rng.integers(0, 256, (19, 23), dtype=np.uint8) for _ in range(2))
    at = np.arange(11) - 5
    kernel = np.exp(-(at**2) / (2 * 1.5**2))
    weights = np.outer(kernel, kernel) / kernel.sum() ** 2
    values = []
    for y in range(19 - 10):
        for x in range(23 - 10):
            p, q = (picture[y : y + 11, x : x + 11].astype(float) for picture in (a, b))
            mp, mq = (weights * p).sum(), (weights * q).sum()
            vp, vq, pq = ((weights * (u - mu) * (v - mv)).sum() for u, mu, v, mv in
                          ((p, mp, p, mp), (q, mq, q, mq), (p, mp, q, mq)))  # fmt: skip
            c1, c2 = 6.5025, 58.5225
            values.append((2 * mp * mq + c1) * (2 * pq + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    grey = [np.repeat(picture[..., None], 3, axis=2) for picture in (a, b)]
    assert ssim(*grey) == pytest.approx(np.mean(values), abs=1e-6)


def test_psnr_is_of_all_frames_together() -> None:
    black, distance = np.zeros((16, 16, 3), np.uint8), PictureDistance()
    for value in (0, 10):
        distance.add(np.full_like(black, value), black)
    assert distance.psnr_db == pytest.approx(10 * np.log10(255**2 / 50))
    assert PictureDistance().psnr_db is None


def test_landmark_distances_count_what_they_say(examples: Path) -> None:
    face = find_face(read_image(examples / "grace_hopper.jpg"))
    eyes = float(np.linalg.norm(face.landmarks[33] - face.landmarks[263]))
    larger = Face(face.landmarks * 2 + np.array([30, -5, 0], np.float32))
    distance = LandmarkDistance()
    distance.add(larger, face)
    assert distance.means == pytest.approx((0, 0, 0), abs=1e-6)
    lower = face.landmarks.copy()
    from talkinghead.quality.distances import LIP_POINTS

    assert len(LIP_POINTS) == 40
    lower[list(LIP_POINTS), 1] += 0.1 * eyes
    distance = LandmarkDistance()
    distance.add(Face(lower), face)
    share = 40 / 468
    expected = (0.0, 0.1 * (1 - share), 0.1 * 2 * share * (1 - share))
    assert distance.means == pytest.approx(expected, abs=1e-6)


def test_closures_are_matched_within_a_frame() -> None:
    reference = np.full(40, 0.2)
    reference[[5, 6, 20, 30]] = 0.0
    made = np.full(40, 0.2)
    made[[7, 12, 30]] = 0.0
    kept, right = closures(made, reference, 25)
    assert (kept, right) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert closures(np.full(9, 0.2), np.full(9, 0.2), 25) == (None, None)


def test_levels_belong_to_their_frames() -> None:
    tone = np.concatenate([np.zeros(320), np.full(640, 0.1), np.full(640, 1.0), np.full(100, 1.0)])
    blocks = [tone[at : at + 333] for at in range(0, len(tone), 333)]
    assert frame_levels(blocks, RATE_HZ, 25.0, 5) == pytest.approx([-90, -20, 0, 0, -90], abs=1e-6)


def test_a_face_at_the_edge_has_a_window_in_the_picture() -> None:
    points = np.zeros((478, 3), np.float32)
    points[:, 0], points[:, 1] = np.linspace(-20, 40, 478), np.linspace(5, 65, 478)
    assert face_window(Face(points), (50, 60)) == (slice(0, 60), slice(0, 46))
    assert face_window(Face(points - np.array([50, 0, 0], np.float32)), (50, 60)) is None


def test_a_series_without_faces_says_why() -> None:
    series = FaceSeries(25.0)
    for _ in range(12):
        series.add(None)
    alone = series.summary(None, np.ones(12, bool))
    assert (alone.blinks, alone.head_std_deg, alone.silent_frames, alone.silent_open_share) == (None, None, 12, None)
    assert set(alone.reasons) == {"sound", "silence", "blinks", "head"}


def test_lips_and_sound_want_a_sound(videos: Videos, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from talkinghead.models.syncnet.network import SyncNet
    from talkinghead.quality.lip_sync import SyncNetFile, lip_sync

    weights = tmp_path / "random.model"
    torch.save(SyncNet().state_dict(), weights)
    with pytest.raises(AudioError, match="has no sound track: LSE-C and LSE-D compare lips with sound"):
        lip_sync(videos.small, SyncNetFile(weights, trusted=True))
    found = lip_sync(videos.short, SyncNetFile(weights, trusted=True))
    assert found.windows == 7
    assert found.lse_d > 0
    assert found.lse_c >= 0
    assert not found.published
