"""Motion files: the open format (.npz), LivePortrait's templates (.pkl) and ARKit CSV (.csv), in and out.

The open format is a NumPy archive without pickles:

    version            1
    fps                (2,) int: numerator, denominator
    blendshape_names   (52,) str; the columns of blendshapes, in any order
    blendshapes        (T, 52) float32, 0..1          expression   (T, 21, 3) float32
    rotation           (T, 3) float32, degrees        translation  (T, 3) float32        scale  (T,) float32
    view               "blendshapes" or "expression": which of the two was given
    rest_blendshapes (52,), rest_expression (21, 3), rest_rotation (3,), rest_translation (3,), rest_scale (),
    rest_replaced_keypoints (k,) int
    eye_ratio (T, 2), lip_ratio (T,): where they were measured

Units and signs are those of `talkinghead.motion.Motion`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import MotionError, OutputError
from talkinghead.core.output import whole_file
from talkinghead.core.places import is_file
from talkinghead.motion.arkit_csv import read_arkit_csv, write_arkit_csv
from talkinghead.motion.blendshapes import BLENDSHAPE_NAMES, N_BLENDSHAPES, N_KEYPOINTS
from talkinghead.motion.motion import Motion, Rest

VERSION = 1
MOTION_SUFFIXES: tuple[str, ...] = (".npz", ".pkl", ".csv")

# Ten hours of frames take half of it.
_MAX_BYTES = 1 << 30
_PER_FRAME = ("blendshapes", "expression", "rotation", "translation", "scale")
_OPTIONAL = ("eye_ratio", "lip_ratio")
_REST_SHAPES: dict[str, tuple[int, ...]] = {
    "blendshapes": (N_BLENDSHAPES,), "expression": (N_KEYPOINTS, 3), "rotation": (3,), "translation": (3,),
    "scale": (), "replaced_keypoints": (-1,),
}  # fmt: skip
_REQUIRED = {"version", "fps", "blendshape_names", "view", *_PER_FRAME, *(f"rest_{name}" for name in _REST_SHAPES)}


def load_motion(path: str | Path) -> Motion:
    """The motion in a .npz, .pkl or .csv file.

    Raises:
        MotionError: there is no such file, it is of another kind, or something in it is wrong.
    """
    path = Path(path)
    loaders: dict[str, Callable[[Path], Motion]] = {".npz": _load_npz, ".pkl": _load_pkl, ".csv": read_arkit_csv}
    content = _content(path)
    load = loaders[content] if content else _by_suffix(path, loaders, MotionError)
    if not is_file(path):
        raise MotionError(f"there is no motion file {path}")
    motion: Motion = load(path)
    return motion


def is_motion_file(path: Path) -> bool:
    """Whether a file is to be read as motion: by its content, or its name where that says nothing."""
    return is_file(path) and (path.suffix.lower() in MOTION_SUFFIXES or _content(path) is not None)


def _content(path: Path) -> str | None:
    """The suffix that a motion file's content asks for; None where it is none, or cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            head = file.read(256)
    except OSError:
        return None
    if head.startswith(b"PK\x03\x04") and b".npy" in head:
        return ".npz"
    if head.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):  # pickle, with its protocol
        return ".pkl"
    return ".csv" if head.removeprefix(b"\xef\xbb\xbf").lower().startswith(b"timecode,") else None


def save_motion(motion: Motion, path: str | Path, force: bool = False) -> Path:
    """Write `motion` in the format that the suffix of `path` names; the file appears whole or not at all.

    Only .npz keeps everything. A .pkl is LivePortrait's: its expression view; a .csv is ARKit's: blendshapes and
    rotation.

    Raises:
        OutputError: an unknown suffix, a file that exists without `force`, or a place that cannot be written.
    """
    path = Path(path)
    save = _by_suffix(path, {".npz": _save_npz, ".pkl": _save_pkl, ".csv": write_arkit_csv}, OutputError)
    with whole_file(path, force) as part:
        save(motion, part)
    return path


def check_suffix(path: Path) -> None:
    """OutputError where `save_motion` would not know the suffix: asked before the work, not after."""
    _by_suffix(path, dict.fromkeys(MOTION_SUFFIXES, save_motion), OutputError)


def _by_suffix(
    path: Path, choices: dict[str, Callable[..., Any]], error: type[MotionError | OutputError]
) -> Callable[..., Any]:
    found = choices.get(path.suffix.lower())
    if found is None:
        asked = f"the suffix {path.suffix}" if path.suffix else "no suffix"
        raise error(f"{path} has {asked}: motion files are {', '.join(MOTION_SUFFIXES)}")
    return found


def _load_pkl(path: Path) -> Motion:
    from talkinghead.motion.templates import load_template

    return load_template(path)


def _save_pkl(motion: Motion, path: Path) -> None:
    from talkinghead.motion.templates import save_template

    save_template(motion, path)


def _save_npz(motion: Motion, path: Path) -> None:
    values: dict[str, npt.ArrayLike] = {
        "version": VERSION,
        "fps": [motion.fps.numerator, motion.fps.denominator],
        "blendshape_names": BLENDSHAPE_NAMES,
        "view": motion.view,
        **motion.arrays(),
        "rest_blendshapes": motion.rest.blendshapes,
        "rest_expression": motion.rest.expression,
        "rest_rotation": motion.rest.rotation,
        "rest_translation": motion.rest.translation,
        "rest_scale": motion.rest.scale,
        "rest_replaced_keypoints": np.array(motion.rest.replaced_keypoints, np.int64),
    }
    # Typed loosely: numpy 2 has a keyword beside the arrays, a bool, which numpy 1 would store as an array.
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in values.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _load_npz(path: Path) -> Motion:
    values = _read_archive(path)
    missing, unknown = sorted(_REQUIRED - set(values)), sorted(set(values) - _REQUIRED - set(_OPTIONAL))
    if "version" in values and _integer(path, values["version"], "version") != VERSION:
        raise MotionError(f"{path} has version {values['version']} of the format: this program reads {VERSION}")
    if missing:
        raise MotionError(f"{path} is no motion file: it has no {missing[0]!r}")
    if unknown:
        raise MotionError(f"{path} holds {unknown[0]!r}, which a motion file of version {VERSION} does not")
    names = [str(name) for name in values["blendshape_names"].reshape(-1)]
    if sorted(names) != sorted(BLENDSHAPE_NAMES):
        raise MotionError(f"{path} names other blendshapes than ARKit's {N_BLENDSHAPES}")
    order = [names.index(name) for name in BLENDSHAPE_NAMES]
    numbers = {name: _floats(path, values[name], name) for name in (*_PER_FRAME, *_OPTIONAL) if name in values}
    view = str(values["view"])
    if view not in ("blendshapes", "expression"):
        raise MotionError(f"{path} has the view {view!r}: it must be blendshapes or expression")
    if numbers["blendshapes"].ndim != 2 or numbers["blendshapes"].shape[1] != N_BLENDSHAPES:
        raise MotionError(f"{path}: blendshapes must have shape (T, {N_BLENDSHAPES})")
    numbers["blendshapes"] = numbers["blendshapes"][:, order]
    try:
        return Motion(**numbers, fps=_fps(path, values["fps"]), rest=_rest(path, values, order), view=view)  # type: ignore[arg-type]
    except MotionError as error:
        raise MotionError(f"{path}: {error}") from None


def _read_archive(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        # Opened here, for numpy leaves open what it finds to be damaged.
        with path.open("rb") as file:
            if file.read(2) not in (b"PK", b"\x93N"):  # numpy would take it for a pickle, and advise to load that
                raise MotionError(f"{path} is no motion file, or is damaged: it does not begin as a .npz does")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise MotionError(f"{path} is no motion file: it is a single array")
            size = sum(member.file_size for member in archive.zip.infolist()) if archive.zip else 0
            if size > _MAX_BYTES:
                raise MotionError(f"{path} unpacks to {size} bytes: that is no motion file")
            return {name: np.asarray(archive[name]) for name in archive.files}  # a foreign member comes as bytes
    except MotionError:
        raise
    except OSError as error:
        raise MotionError(f"{path} cannot be read ({error.strerror or error})") from None
    except Exception as error:  # a damaged archive can raise nearly anything
        raise MotionError(f"{path} is no motion file, or is damaged ({error})") from None


def _integer(path: Path, value: npt.NDArray[Any], name: str) -> int:
    if value.shape != () or value.dtype.kind not in "iu":
        raise MotionError(f"{path}: {name} must be one integer")
    return int(value)


def _floats(path: Path, value: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    if value.dtype.kind not in "fiu":
        raise MotionError(f"{path}: {name} must hold numbers, not {value.dtype}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        return value.astype(np.float32)


def _fps(path: Path, value: npt.NDArray[Any]) -> Fraction:
    if value.shape != (2,) or value.dtype.kind not in "iu" or value.min() <= 0:
        raise MotionError(f"{path}: fps must be two positive integers")
    return Fraction(int(value[0]), int(value[1]))


def _rest(path: Path, values: dict[str, npt.NDArray[Any]], order: list[int]) -> Rest:
    parts = {}
    for name, shape in _REST_SHAPES.items():
        part = _floats(path, values[f"rest_{name}"], f"rest_{name}")
        if len(part.shape) != len(shape) or any(want not in (-1, got) for want, got in zip(shape, part.shape)):
            raise MotionError(f"{path}: rest_{name} must have shape {shape}, not {part.shape}")
        if not np.isfinite(part).all():
            raise MotionError(f"{path}: rest_{name} holds values that are not finite numbers")
        parts[name] = part
    if parts["scale"] <= 0:
        raise MotionError(f"{path}: rest_scale must be positive")
    keypoints = tuple(int(k) for k in parts["replaced_keypoints"])
    if not all(0 <= k < N_KEYPOINTS for k in keypoints):
        raise MotionError(f"{path}: rest_replaced_keypoints must lie between 0 and {N_KEYPOINTS - 1}")
    return Rest(parts["blendshapes"][order], parts["expression"], parts["rotation"], parts["translation"],
                float(values["rest_scale"]), keypoints)  # fmt: skip
