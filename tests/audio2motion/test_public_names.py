"""What other packages may import, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import audio2motion

HEAVY = ("torch", "transformers", "scipy", "safetensors", "cv2", "onnxruntime", "soxr")


def loaded_by(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after running `code`."""
    ask = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_public_name_is_there_and_is_what_its_module_has() -> None:
    assert len(set(audio2motion.__all__)) == len(audio2motion.__all__) == 21
    for name in audio2motion.__all__:
        assert name in dir(audio2motion)
        scope: dict[str, object] = {}
        exec(f"from audio2motion import {name}", scope)
        assert scope[name] is not None
    from audio2motion import BLENDSHAPE_NAMES, Behaviour, Espeak, Predictor
    from audio2motion.arkit import BLENDSHAPE_NAMES as NAMES
    from audio2motion.behaviour.stream import Behaviour as OwnBehaviour
    from audio2motion.corpus.espeak import Espeak as OwnEspeak
    from audio2motion.predictor import Predictor as OwnPredictor

    assert BLENDSHAPE_NAMES is NAMES
    assert (Behaviour, Espeak, Predictor) == (OwnBehaviour, OwnEspeak, OwnPredictor)


def test_no_public_name_is_also_a_module() -> None:
    """Importing the module would put it in the name's place."""
    modules = {path.stem for path in Path(audio2motion.__file__).parent.iterdir()}
    assert not modules & set(audio2motion.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Seals'"):
        vars(audio2motion)["__getattr__"]("Seals")
    with pytest.raises(ImportError):
        exec("from audio2motion import Seals")


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import audio2motion") == set()
    assert loaded_by("import audio2motion.behaviour") == set()


@pytest.mark.parametrize("name", sorted(audio2motion.__all__))
def test_no_name_loads_anything_heavy(name: str) -> None:
    assert loaded_by(f"from audio2motion import {name}") == set()


def test_speaking_in_phones_needs_no_pytorch() -> None:
    code = """
from audio2motion import Behaviour, phones_to_blendshapes, opening_of
weights = phones_to_blendshapes([("m", 0.0, 0.1), ("a", 0.1, 0.4)], 25)
assert opening_of(weights).max() > 0.5
Behaviour(3).push([0.0] * 16000)
"""
    assert loaded_by(code) == set()


def test_predicting_with_the_embedded_model_needs_no_pytorch() -> None:
    code = """
from fractions import Fraction
from audio2motion import Predictor
for low_latency in (False, True):
    assert Predictor.load().predict([0.1, -0.1] * 8000, Fraction(25), low_latency=low_latency).frames == 25
"""
    assert loaded_by(code) == {"onnxruntime"}
    assert "torch" in loaded_by(code.replace("load()", "load(device='cpu:0')"))
