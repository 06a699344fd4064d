"""`talkinghead faces`: what faces there are, as `--face` counts them."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from talkinghead.cli import main
from talkinghead.core.types import Face, Image
from talkinghead.faces import find_face
from talkinghead.faces.listing import FacesRecord, faces_record, labelled, list_faces
from talkinghead.media.image_writing import write_image
from talkinghead.media.images import open_picture, read_image
from talkinghead.media.video import write_video

EXAMPLES = Path(__file__).parents[2] / "examples"
ASTRONAUT, HOPPER = EXAMPLES / "astronaut.png", EXAMPLES / "grace_hopper.jpg"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    return lambda *args: CliRunner().invoke(main, list(map(str, args)))


def two() -> np.ndarray:
    """Both examples side by side: the larger face is on the right."""
    return np.hstack([read_image(ASTRONAUT).pixels, read_image(HOPPER).pixels[:512, :512]])


def listed(result: Result) -> FacesRecord:
    assert result.exit_code == 0, result.output
    record: FacesRecord = json.loads(result.stdout)
    return record


def apart(points: list[list[float]], face: Face) -> float:
    """Mean distance in pupil distances."""
    distances = np.linalg.norm(np.array(points)[:, :2] - 0.5 - face.landmarks[:, :2], axis=1)
    return float(distances.mean() / face.pupil_distance_px)


def test_json_holds_every_face_largest_first(run: Run) -> None:
    write_image("two.png", two())
    record = listed(run("faces", "two.png", "--json"))
    assert list(record) == ["size", "faces"]
    assert record["size"] == [1024, 512]
    first, second = record["faces"]
    assert (first["index"], second["index"]) == (1, 2)
    assert np.allclose(first["box"], (682, 131, 186, 202), atol=8)
    assert np.allclose(second["box"], (178, 71, 92, 106), atol=6)
    for face in record["faces"]:
        assert 0.85 < face["confidence"] <= 1
        assert face["doubtful"] is False
        assert np.array(face["landmarks"]).shape == (478, 3)
        x, y, width, height = face["box"]
        points = np.array(face["landmarks"])[:, :2]
        assert np.allclose([*points.min(0), *np.ptp(points, axis=0)], (x, y, width, height), atol=0.011)
        assert all(abs(angle) < 6 for angle in face["pose"].values())


def test_the_pose_has_the_signs_of_motion(run: Run) -> None:
    """The crown to the picture's right is a positive roll, the nose to its left a positive yaw: as `edit` turns it."""
    leant = Pillow.open(ASTRONAUT).rotate(-20, resample=Pillow.Resampling.BILINEAR)
    leant.save("leant.png")
    straight, turned = (listed(run("faces", name, "--json"))["faces"][0]["pose"] for name in (ASTRONAUT, "leant.png"))
    assert turned["roll"] - straight["roll"] == pytest.approx(20, abs=2.5)
    for axis, name in (("yaw", "--yaw"), ("pitch", "--pitch")):
        assert run("edit", ASTRONAUT, name, 12, "--renderer", "warp", "-o", f"{axis}.png").exit_code == 0
        posed = listed(run("faces", f"{axis}.png", "--json"))["faces"][0]["pose"]
        assert {**posed}[axis] > {**straight}[axis] + 5


@pytest.mark.parametrize("number", [1, 2])
def test_speak_takes_the_face_of_that_number(run: Run, number: int) -> None:
    write_image("two.png", two())
    faces = listed(run("faces", "two.png", "--json"))["faces"]
    made = run("edit", "two.png", "--jaw", 1, "--face", number, "--renderer", "warp", "-o", "edited.png")
    assert made.exit_code == 0, made.output
    samples, rate_hz = soundfile.read(EXAMPLES / "speech.wav", dtype="float32")
    soundfile.write("short.wav", samples[: rate_hz // 2], rate_hz)
    made = run("speak", "two.png", "short.wav", "--face", number, "--renderer", "warp", "-o", "frames/", "-q")
    assert made.exit_code == 0, made.output
    drawn = read_image("frames/000008.png").pixels
    for picture in (read_image("edited.png").pixels, drawn):
        changed = np.abs(picture.astype(int) - two()).sum(-1) > 30
        down, across = np.nonzero(changed)
        x, y, width, height = faces[number - 1]["box"]
        assert len(across) > 50
        assert x - width < across.mean() < x + 2 * width
        assert y < down.mean() < y + 2 * height


def test_a_table_has_a_line_for_each_face(run: Run) -> None:
    write_image("two.png", two())
    result = run("faces", "two.png")
    assert result.exit_code == 0, result.output
    heading, *lines = result.stdout.splitlines()
    assert heading.split()[0] == "face"
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert "doubtful" not in result.stdout


def test_a_doubtful_face_is_said_to_be(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkinghead.faces.detect.DOUBTFUL", 0.99)
    assert "doubtful" in run("faces", ASTRONAUT).stdout.splitlines()[1]
    assert listed(run("faces", ASTRONAUT, "--json"))["faces"][0]["doubtful"] is True


def test_the_labelled_picture_marks_each_face(run: Run) -> None:
    write_image("two.png", two())
    result = run("faces", "two.png", "--json", "-o", "labelled.png")
    faces = listed(result)["faces"]
    assert result.stderr == "labelled: labelled.png\n"
    pixels = read_image("labelled.png").pixels
    changed = np.abs(pixels.astype(int) - two()).sum(-1) > 60
    for face in faces:
        x, y, width, height = (round(value) for value in face["box"])
        assert changed[y : y + height, x].mean() > 0.9
        assert changed[y + height, x : x + width].mean() > 0.9
        assert changed[y : y + height, x : x + width].mean() > 0.2
    assert changed[:, 300:600].mean() < 0.02


def test_pixels_are_the_pictures_own(run: Run) -> None:
    """Also where it is turned by EXIF, and larger than what is worked with; `--box` counts them, too."""
    picture = Pillow.open(HOPPER).resize((2048, 2400)).transpose(Pillow.Transpose.ROTATE_90)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save("photo.jpg", exif=exif)
    small, large = (listed(run("faces", name, "--json")) for name in (HOPPER, "photo.jpg"))
    assert large["size"] == [2048, 2400]
    expected = find_face(read_image(HOPPER)).moved(np.array([[4, 0, 1.5], [0, 4, 1.5]]))
    assert small["size"] == [512, 600]
    assert apart(large["faces"][0]["landmarks"], expected) < 0.035
    x, y, width, height = large["faces"][0]["box"]
    image = read_image("photo.jpg")
    boxed = find_face(image, box=(x, y, width, height)).moved(image.to_original)
    assert apart(large["faces"][0]["landmarks"], boxed) < 0.03
    beyond = run("edit", "photo.jpg", "--box", "2100,100,200,200", "--smile", 1)
    assert "2048 x 2400 pixels" in beyond.output


@pytest.mark.parametrize("kind", ["rgba", "heic", "video"])
def test_whatever_other_commands_take_is_taken(run: Run, kind: str) -> None:
    pixels = read_image(ASTRONAUT).pixels
    name = {"rgba": "cut.png", "heic": "phone.heic", "video": "clip.mp4"}[kind]
    if kind == "video":
        write_video(Path(name), [pixels, np.zeros_like(pixels)], Fraction(25))
    elif kind == "heic":
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.register_heif_opener()
        Pillow.fromarray(pixels).save(name)
    else:
        Pillow.fromarray(np.dstack([pixels, np.full((512, 512), 200, np.uint8)])).save(name)
    (face,) = listed(run("faces", name, "--json"))["faces"]
    assert apart(face["landmarks"], find_face(read_image(ASTRONAUT))) < 0.04


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("wall.png",), "no face was found in wall.png"),
        (("wall.png", "--json"), "no face was found in wall.png"),
        (("nobody.png",), "there is no file nobody.png"),
        (("text.png",), "not a picture that can be read"),
        (("-",), "there is no file -"),
        (("text.mp4",), "text.mp4"),
        (("wall.png", "-o", "out.mp4"), "out.mp4"),
        (("wall.png", "-o", "kept.png"), "exists already"),
        (("wall.png", "-o", "nowhere/out.png"), "there is no folder nowhere"),
        (("wall.png", "-o", "wall.png", "--force"), "wall.png is what this is made from"),
    ],
)
def test_what_does_not_fit_is_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    Path("kept.png").write_bytes(b"kept")
    write_image("wall.png", np.full((300, 300, 3), 128, np.uint8))
    for name in ("text.png", "text.mp4"):
        Path(name).write_text("nothing of the kind")
    before = sorted(Path().iterdir())
    result = run("faces", *arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    assert Path("kept.png").read_bytes() == b"kept"


def test_python_has_the_same() -> None:
    image = open_picture(ASTRONAUT)
    (face,) = list_faces(image)
    assert face.index == 1
    record = faces_record(image, [face])
    x, y, width, height = face.face.box
    assert record["faces"][0]["box"] == [round(float(value), 2) for value in (x + 0.5, y + 0.5, width, height)]
    pixels = labelled(image, [face])
    assert pixels.shape == image.pixels.shape
    assert not np.array_equal(pixels, image.pixels)
    assert np.array_equal(image.pixels, Image(read_image(ASTRONAUT).pixels).pixels)
