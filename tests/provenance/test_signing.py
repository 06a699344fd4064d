"""C2PA: signed with a certificate of the tests' own, read back, tampered with, copied, refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("c2pa")
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from talkinghead import __version__
from talkinghead.core.errors import InputError, OutputError
from talkinghead.core.marking import Marking
from talkinghead.core.types import Pixels
from talkinghead.media.ffmpeg import FFmpeg, input_arguments
from talkinghead.media.image_writing import write_image
from talkinghead.media.inspection import inspect_file
from talkinghead.media.video import VideoReader, write_video
from talkinghead.provenance.containers import look
from talkinghead.provenance.making import MadeFrom, Making
from talkinghead.provenance.reading import ManifestIngredient, read_manifest
from talkinghead.provenance.xmp import DIGITAL_SOURCE_TYPE
from tests.provenance.certificates import Authority, Key, Pair


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("signer")


def signing(pair: Pair) -> Marking:
    return Marking(sign_cert=pair.cert, sign_key=pair.key)


def video(path: Path, pixels: Pixels, making: Making) -> Path:
    return write_video(path, [np.roll(pixels, k, 1) for k in range(15)], Fraction(25), making=making).path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".mp4", ".mov", ".gif"])
def test_what_is_signed_is_valid_until_a_bit_of_it_changes(made: Path, pixels: Pixels, pair: Pair, suffix: str) -> None:
    path, making = made / f"a{suffix}", Making(signing(pair))
    picture = suffix in (".png", ".jpg", ".webp", ".tif")
    _ = write_image(path, pixels, making=making) if picture else video(path, pixels, making)
    assert [item.name for item in made.iterdir()] == [path.name]
    manifest = read_manifest(path)
    assert manifest is not None
    assert (manifest.state, manifest.problems) == ("Valid", ())
    assert manifest.signer == "signer / talkinghead's tests"
    assert manifest.generator == f"talkinghead {__version__}"
    assert (manifest.actions, manifest.source_types) == (("c2pa.created",), (DIGITAL_SOURCE_TYPE,))
    assert look(path).has_manifest
    assert inspect_file(path).stated_in[:2] == ("C2PA", "XMP")
    data = bytearray(path.read_bytes())
    # Of the pixels: where they begin is known of these, and others' lie at the end.
    begins = {".mp4": b"mdat", ".mov": b"mdat", ".webp": b"VP8 ", ".tif": b"II*"}
    data[data.rindex(begins[suffix]) + 60 if suffix in begins else len(data) - 60] ^= 1
    path.write_bytes(data)
    tampered = read_manifest(path)
    assert tampered is not None
    assert tampered.state == "Invalid"
    assert any("hash" in problem.lower() for problem in tampered.problems)


def test_a_signed_video_plays(made: Path, pixels: Pixels, pair: Pair) -> None:
    with VideoReader(video(made / "a.mp4", pixels, Making(signing(pair)))) as reader:
        assert len(list(reader)) == 15


def test_what_goes_in_is_kept_as_it_went_in(made: Path, pixels: Pixels, pair: Pair, examples: Path) -> None:
    portrait = write_image(made / "portrait.png", pixels, making=Making(signing(pair)))
    speech = examples / "speech.wav"
    into = (MadeFrom(portrait, "source"), MadeFrom(speech, "sound"))
    film = video(made / "film.mp4", pixels, Making(signing(pair), into))
    manifest = read_manifest(film)
    assert manifest is not None
    assert (manifest.state, manifest.actions) == ("Valid", ("c2pa.created", "c2pa.placed"))
    assert manifest.ingredients == (
        ManifestIngredient("portrait.png", "componentOf", True), ManifestIngredient("speech.wav", "componentOf", False)
    )  # fmt: skip
    # The same film's face moved once more, by a driver: an edit of it.
    again = (MadeFrom(film, "source"), MadeFrom(portrait, "driving"), MadeFrom(made / "gone.mp4", "sound"))
    edited = read_manifest(video(made / "edited.mov", pixels, Making(signing(pair), again, edits=True)))
    assert edited is not None
    assert (edited.state, edited.actions) == ("Valid", ("c2pa.opened", "c2pa.edited"))
    assert edited.ingredients == (
        ManifestIngredient("film.mp4", "parentOf", True), ManifestIngredient("portrait.png", "inputTo", True)
    )  # fmt: skip


def test_a_copy_by_ffmpeg_keeps_the_comment_alone(made: Path, pixels: Pixels, pair: Pair) -> None:
    original, copy = video(made / "a.mp4", pixels, Making(signing(pair))), made / "copy.mp4"
    with FFmpeg([*input_arguments(original), "-c", "copy", f"file:{copy}"]) as ffmpeg:
        assert ffmpeg.finish()
    found = inspect_file(copy)
    assert (found.has_manifest, found.manifest, found.stated_in) == (False, None, ("comment",))
    assert found.is_synthetic
    assert "stripped" in found.note


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "P-521", "Ed25519", "RSA"],
)
def test_any_key_that_c2pa_knows_signs(made: Path, pixels: Pixels, authority: Authority, key: Key) -> None:
    pair = authority.issue("another", key)
    manifest = read_manifest(write_image(made / "a.png", pixels, making=Making(signing(pair))))
    assert manifest is not None
    assert manifest.state == "Valid"


def refused(made: Path, frames: Iterator[Pixels], marking: Marking, name: str = "a.mp4") -> str:
    """What is said of a video that is not begun."""
    with pytest.raises((InputError, OutputError)) as told:
        write_video(made / name, frames, Fraction(25), making=Making(marking))
    assert list(made.iterdir()) == []
    assert next(frames, None) is not None, "the work had begun"
    return str(told.value)


def test_certificates_that_do_not_sign_are_refused_before_the_work(
    made: Path, frames: Iterator[Pixels], authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    assert "not valid at time of signing" in refused(made, frames, signing(authority.issue("late", days=-1)))
    assert "the certificate is invalid" in refused(made, frames, signing(authority.issue("idle", purpose=False)))
    other = authority.issue("other")
    assert "signature does not match" in refused(made, frames, signing(Pair(pair.cert, other.key)))
    assert "cannot be read (No such file" in refused(made, frames, signing(Pair(pair.cert, tmp_path / "none.key")))
    (tmp_path / "words.pem").write_text("no certificate")
    assert "is no certificate in PEM" in refused(made, frames, signing(Pair(tmp_path / "words.pem", pair.key)))
    assert "only a certificate is named" in refused(made, frames, Marking(sign_cert=pair.cert))
    assert "only a key is named" in refused(made, frames, Marking(sign_key=pair.key))
    offline = Marking(sign_cert=pair.cert, sign_key=pair.key, tsa="http://127.0.0.1:9/tsa")
    assert "127.0.0.1:9" in refused(made, frames, offline)


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "frames/", "a.m3u8"])
def test_files_that_carry_no_manifest_are_refused_before_the_work(
    made: Path, frames: Iterator[Pixels], pair: Pair, name: str
) -> None:
    path = f"{made}/{name}"
    with pytest.raises(OutputError, match=r"cannot carry a C2PA manifest: name a \.mp4"):
        write_video(path, frames, Fraction(25), making=Making(signing(pair)))
    assert list(made.iterdir()) == []


def test_the_environment_configures_it_and_no_metadata_leaves_it_out(
    made: Path, pixels: Pixels, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKINGHEAD_C2PA_CERT", str(pair.cert))
    monkeypatch.setenv("TALKINGHEAD_C2PA_KEY", str(pair.key))
    signed = write_image(made / "a.png", pixels, making=Making())
    bare = write_image(made / "b.png", pixels, making=Making(Marking(metadata=False)))
    assert (look(signed).has_manifest, look(bare).has_manifest) == (True, False)


def test_a_key_that_vanishes_meanwhile_costs_the_signature_and_not_the_video(
    made: Path, pixels: Pixels, authority: Authority
) -> None:
    pair = authority.issue("passing")

    def drawn() -> Iterator[Pixels]:
        yield pixels
        pair.key.unlink()
        yield pixels

    with pytest.raises(OutputError, match=r"a\.mp4 is written, but without a C2PA manifest: the key .* cannot be read"):
        write_video(made / "a.mp4", drawn(), Fraction(25), making=Making(signing(pair)))
    assert [path.name for path in made.iterdir()] == ["a.mp4"]
    found = inspect_file(made / "a.mp4")
    assert (found.facts.frames, found.has_manifest, found.is_synthetic) == (2, False, True)


def test_without_the_package_it_is_told_what_to_install(made: Path, pixels: Pixels, pair: Pair) -> None:
    signed = write_image(made / "a.png", pixels, making=Making(signing(pair)))
    program = "import sys; sys.modules['c2pa'] = None; from talkinghead.cli import main; main()"
    command = [sys.executable, "-c", program, "inspect", str(signed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "there is a C2PA manifest; to check it: pip install 'talkinghead[provenance]'" in done.stdout
    sign = ["--sign-cert", str(pair.cert), "--sign-key", str(pair.key), "-o", str(made / "b.png")]
    command = [sys.executable, "-c", program, "edit", str(signed), "--smile", "1", *sign]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "talkinghead: C2PA manifests need the package c2pa-python: pip install 'talkinghead[provenance]'\n"
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory was taken")
def test_a_long_film_is_signed_and_checked_in_the_memory_of_a_short_one(made: Path, pixels: Pixels, pair: Pair) -> None:
    soundfile.write(made / "long.wav", np.zeros((24_000_000, 2), np.int16), 48_000)
    path = write_video(made / "a.mov", [pixels] * 3, Fraction(25), made / "long.wav").path
    assert path.stat().st_size > 96_000_000
    program = (
        "import re, sys; from pathlib import Path; from talkinghead.core.marking import Marking;"
        "from talkinghead.provenance.making import Making; from talkinghead.provenance.reading import read_manifest;"
        "path = Path(sys.argv[1]); making = Making(Marking(sign_cert=sys.argv[2], sign_key=sys.argv[3]));"
        "assert making.sign(path, '.mov', 'a') is None; assert read_manifest(path).state == 'Valid';"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    command = [sys.executable, "-c", program, str(path), str(pair.cert), str(pair.key)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 80_000  # kilobytes at most at a time; the file has 96,000
