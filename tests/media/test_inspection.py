"""What is said of files: ours, other people's, and what is none."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from talkinghead import __version__
from talkinghead.cli import main
from talkinghead.core.errors import InputError
from talkinghead.media.image_writing import write_image
from talkinghead.media.inspection import inspect_file
from talkinghead.media.video import write_video
from talkinghead.motion.files import save_motion
from talkinghead.motion.motion import Motion
from talkinghead.provenance.making import Making
from talkinghead.provenance.xmp import DIGITAL_SOURCE_TYPE

GREY = np.full((32, 48, 3), 90, np.uint8)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, words)])


def test_a_video_of_ours(tmp_path: Path, examples: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [GREY] * 30, Fraction(30000, 1001), examples / "speech.wav").path
    found = inspect_file(path)
    facts = found.facts
    assert (facts.kind, facts.size_px, facts.fps, facts.frames) == ("video", (48, 32), Fraction(30000, 1001), 30)
    assert [(stream.kind, stream.codec) for stream in facts.streams] == [("video", "h264"), ("sound", "aac")]
    assert (found.source_type, found.stated_in) == (DIGITAL_SOURCE_TYPE, ("XMP", "comment"))
    assert (found.is_synthetic, found.software) == (True, f"talkinghead {__version__}")
    record = json.loads(run(path, "--json").output)
    assert (record["is_synthetic"], record["facts"]["fps"], record["manifest"]) == (True, "30000/1001", None)
    lines = run(path).output.splitlines()
    assert "synthetic:     yes, it says: compositeWithTrainedAlgorithmicMedia (in its XMP, comment)" in lines
    assert any(line.startswith("C2PA:") for line in lines)


def test_a_photograph_and_a_recording_say_nothing(examples: Path) -> None:
    picture = inspect_file(examples / "astronaut.png")
    assert (picture.facts.kind, picture.facts.container, picture.facts.size_px) == ("picture", "PNG", (512, 512))
    assert (picture.source_type, picture.is_synthetic, picture.software) == (None, None, None)
    assert "synthetic:     it does not say" in run(examples / "astronaut.png").output
    sound = inspect_file(examples / "speech.wav").facts
    assert (sound.kind, sound.size_px, sound.streams[0].codec) == ("sound", None, "pcm_s16le")
    assert sound.duration_s == pytest.approx(8.5, abs=4)


@pytest.mark.parametrize(("word", "synthetic"), [("digitalCapture", False), ("trainedAlgorithmicMedia", True)])
def test_what_others_say_of_theirs(tmp_path: Path, word: str, synthetic: bool) -> None:
    uri = f"http://cv.iptc.org/newscodes/digitalsourcetype/{word}"
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", f'<x:xmpmeta><a Iptc4xmpExt:DigitalSourceType="{uri}"/></x:xmpmeta>')
    Pillow.fromarray(GREY).save(tmp_path / "a.png", pnginfo=text)
    found = inspect_file(tmp_path / "a.png")
    assert (found.source_type, found.is_synthetic, found.stated_in) == (uri, synthetic, ("XMP",))
    assert f"synthetic:     {'yes' if synthetic else 'no'}, it says: {word}" in run(tmp_path / "a.png").output


def test_a_motion_file_says_what_it_holds(tmp_path: Path) -> None:
    motion = Motion.from_blendshapes(np.zeros((20, 52), np.float32), Fraction(25))
    save_motion(motion, tmp_path / "motion.npz")
    found = inspect_file(tmp_path / "motion.npz")
    assert (found.facts.kind, found.facts.frames, found.facts.fps) == ("motion", 20, Fraction(25))
    assert run(tmp_path / "motion.npz").exit_code == 0


def test_a_picture_of_ours_of_each_kind(tmp_path: Path) -> None:
    for suffix, container in ((".png", "PNG"), (".jpg", "JPEG"), (".webp", "WEBP"), (".tif", "TIFF")):
        found = inspect_file(write_image(tmp_path / f"a{suffix}", GREY, making=Making()))
        assert (found.facts.container, found.stated_in) == (container, ("XMP", "comment"))


@pytest.mark.parametrize("content", [b"words, and nothing else", b"", b"\x89PNG\r\n\x1a\n damaged"])
def test_what_is_no_media_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError):
        inspect_file(tmp_path / "a")
    told = run(tmp_path / "a")
    assert (told.exit_code, told.output.count("\n")) == (1, 1)
    assert "Traceback" not in told.output
    for other in (tmp_path, tmp_path / "none.png"):
        assert run(other).exit_code == 1
