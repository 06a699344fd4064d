"""How long the parts take on this machine: what `talkinghead bench` prints.

As JSON, `"schema": 1`:

    schema, program    1; "talkinghead 0.2.0"
    machine            see `talkinghead.bench.machine.Machine`
    picture, size      what was drawn upon, its [width, height]
    runs               how often each was done; the best one counts
    renderers          by name: see `RendererFigures`
    left_out           by name: why a renderer was not measured

Cold starts come first, each in a process of its own, while this one is still small.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

from talkinghead.avatar import Avatar
from talkinghead.bench.cold import Cold, cold_start
from talkinghead.bench.inputs import write_speech
from talkinghead.bench.machine import Machine, describe_machine, load_average
from talkinghead.bench.timed import TimedCanvas, TimedNetwork, TimedRenderer
from talkinghead.canvas.still import Still, open_still
from talkinghead.clip import Clip, Part
from talkinghead.core.errors import CheckpointError, InputError
from talkinghead.core.examples import PORTRAIT, example
from talkinghead.core.settings import DEFAULT_FPS, RendererName, Settings
from talkinghead.core.temporary import temporary_folder
from talkinghead.drivers.driving import known
from talkinghead.drivers.speech import EMBEDDED, SpeechDriver, load_predictor
from talkinghead.media.images import read_image
from talkinghead.media.sound import FileSound
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Renderer
from talkinghead.quality.report import Stages, rounded
from talkinghead.renderers.select import select
from talkinghead.session import Look

SCHEMA = 1
RENDERERS: tuple[RendererName, ...] = ("warp", "liveportrait")
# In the order in which a frame meets them.
STAGES = ("decode", "face", "speech", "motion", "draw", "paste", "encode")
# Without a GPU the neural renderer takes seconds for a frame.
_NEURAL_ON_CPU_S = 0.2


@dataclass(frozen=True)
class Stage:
    """`seconds` of one part of the work, and its `share` of all parts together, 0 to 1."""

    seconds: float
    share: float


@dataclass(frozen=True)
class RendererFigures:
    """One renderer's figures, for `audio_s` seconds of speech, `frames` of video.

    - `cold_s`: `talkinghead speak` in a new process, from its start to the finished file; `peak_memory_mb`: the most
      that this process held (None where the system does not tell);
    - `load_s`: opening an avatar: the picture, its face, the renderer, the speech model; libraries are imported then;
    - `warm_s`: `avatar.speak(...).save(...)` once all that is loaded; `first_frame_s`: until the first frame of it;
    - `real_time_factor`: `warm_s` over `audio_s`; below 1 it is faster than it is watched;
      `cold_real_time_factor` likewise;
    - `stages`: the same work done one part after the other, warm: "decode" (picture and sound read), "face" (found and
      cut out), "speech" (the speech model's network), "motion" (all else that makes motion of sound), "draw", "paste"
      (into the picture), "encode" (waiting for ffmpeg, and what else writing takes). In `warm_s` parts overlap.
    """

    audio_s: float
    frames: int
    cold_s: float
    peak_memory_mb: float | None
    load_s: float
    warm_s: float
    first_frame_s: float
    real_time_factor: float
    cold_real_time_factor: float
    stages: dict[str, Stage]


@dataclass(frozen=True)
class Bench:
    """Everything that was measured; see the module's docstring."""

    machine: Machine
    picture: str
    size: tuple[int, int]
    runs: int
    renderers: dict[str, RendererFigures]
    left_out: dict[str, str]

    def as_json(self) -> str:
        """All of it as JSON text."""
        from talkinghead import __version__

        record = {"schema": SCHEMA, "program": f"talkinghead {__version__}", **asdict(self)}
        return json.dumps(rounded(record), indent=2, allow_nan=False) + "\n"


def bench(
    picture: Path | None = None,
    *,
    renderers: Sequence[RendererName] = (),
    seconds: float = 10.0,
    runs: int = 3,
    settings: Settings | None = None,
    note: Callable[[str], None] | None = None,
) -> Bench:
    """Measure `renderers` (all that can draw here) on `picture` (an example portrait) and `seconds` of speech.

    `runs`: how often each is done; the best one counts. `settings` gives checkpoints, device and precision. `note` is
    told what is being measured. Of the neural renderer without a GPU 0.2 s of speech are measured.

    Raises:
        InputError: the picture cannot be used, or the program fails on it.
        CheckpointError: a renderer was named whose weights are not here.
    """
    if not seconds > 0 or runs < 1:
        raise InputError(f"{seconds:g} seconds, {runs} runs: measure more than 0 seconds and at least one run")
    tell, settings, load = note or _silent, settings or Settings(), load_average()
    source = picture or example(PORTRAIT)
    size = read_image(source).size_px
    chosen, left_out = _available(renderers, settings)
    with temporary_folder() as folder:
        tasks = [_Task(name, source, folder, seconds, settings) for name in chosen]
        cold: dict[str, Cold] = {}
        for task in tasks:
            tell(f"{task.name}: cold start")
            cold[task.name] = min(task.cold() for _ in range(runs))
        found: dict[str, RendererFigures] = {}
        for task in tasks:
            tell(f"{task.name}: warm, and part by part")
            found[task.name] = task.figures(cold[task.name], runs)
    return Bench(describe_machine(load), source.name, size, runs, found, left_out)


def _silent(line: str) -> None: ...


def _available(names: Sequence[RendererName], settings: Settings) -> tuple[list[RendererName], dict[str, str]]:
    """The renderers to be measured, and why others are not."""
    from talkinghead.checkpoints import resolve

    chosen: list[RendererName] = []
    left_out: dict[str, str] = {}
    for name in names or RENDERERS:
        try:
            if name != "warp":
                resolve(name, settings.checkpoints)
        except CheckpointError as error:
            if names:
                raise
            left_out[name] = str(error)
        else:
            chosen.append(name)
    return chosen, left_out


class _Task:
    """One renderer on one picture and recording, its files in `folder`."""

    def __init__(self, name: RendererName, picture: Path, folder: Path, seconds: float, settings: Settings) -> None:
        # The speech model is the embedded one everywhere, and precision is the neural renderer's alone.
        precision = settings.precision if name != "warp" else "auto"
        self.name, self._picture = name, picture
        self._settings = replace(settings, renderer=name, precision=precision)
        if name != "warp" and _on_cpu(settings.device):
            seconds = min(seconds, _NEURAL_ON_CPU_S)
        self._speech, self._out = folder / f"{name}.wav", folder / f"{name}.mp4"
        write_speech(self._speech, seconds)

    def cold(self) -> Cold:
        chosen = self._settings
        more = [] if chosen.checkpoints is None else ["--checkpoints", str(chosen.checkpoints)]
        more += ["--device", chosen.device] + (["--precision", chosen.precision] if self.name != "warp" else [])
        return cold_start(["speak", str(self._picture), str(self._speech), "-o", str(self._out), "--force", "--quiet",
                           "--renderer", self.name, "--motion-model", EMBEDDED, *more])  # fmt: skip

    def figures(self, cold: Cold, runs: int) -> RendererFigures:
        begin = time.perf_counter()
        avatar = Avatar(self._picture, motion_model=EMBEDDED, settings=self._settings)
        avatar.motion_model.load()
        load_s = time.perf_counter() - begin
        self._warm(avatar)  # whatever is made at the first call is made now
        warm_s = min(self._warm(avatar) for _ in range(runs))
        first_s = min(self._first_frame(avatar) for _ in range(runs))
        renderer = select(self._settings).renderer
        measured = [self._stages(renderer) for _ in range(runs)]
        seconds = min((stages for stages, _ in measured), key=lambda stages: sum(stages.values()))
        together = sum(seconds.values())
        audio_s, frames = FileSound(self._speech).duration_s, measured[0][1]
        stages = {name: Stage(seconds[name], seconds[name] / together) for name in STAGES}
        return RendererFigures(audio_s, frames, cold.seconds, cold.peak_memory_mb, load_s, warm_s, first_s,
                               warm_s / audio_s, cold.seconds / audio_s, stages)  # fmt: skip

    def _warm(self, avatar: Avatar) -> float:
        begin = time.perf_counter()
        avatar.speak(self._speech).save(self._out, force=True)
        return time.perf_counter() - begin

    def _first_frame(self, avatar: Avatar) -> float:
        begin = time.perf_counter()
        frames = iter(avatar.speak(self._speech))
        next(frames)
        return time.perf_counter() - begin

    def _stages(self, renderer: Renderer) -> tuple[dict[str, float], int]:
        """Seconds by stage, and the number of frames."""
        stages = Stages()
        still, motion, sound = _prepared(self._picture, self._speech, renderer, stages)
        part = Part(TimedCanvas(still, stages), known(motion), Look())
        clip = Clip([part], TimedRenderer(renderer, stages), sound=sound, duration_s=sound.duration_s)
        begin = time.perf_counter()
        clip.save(self._out, force=True)
        saved_s, found = time.perf_counter() - begin, stages.seconds
        found["encode"] = max(0.0, saved_s - found["draw"] - found["paste"])
        found["motion"] -= found["speech"]  # the network is asked within it
        return {name: found[name] for name in STAGES}, len(motion)


def _prepared(picture: Path, speech: Path, renderer: Renderer, stages: Stages) -> tuple[Still, Motion, FileSound]:
    """The canvas, the motion and the sound of a clip, made with the pipeline's own parts and timed."""
    from audio2motion import Predictor

    with stages.time("decode"):
        image, sound = read_image(picture), FileSound(speech)
    with stages.time("face"):
        still = open_still(image, renderer)
    predictor = Predictor(TimedNetwork(load_predictor(EMBEDDED, "cpu"), stages))
    with stages.time("motion"):
        driver = SpeechDriver(predictor, Fraction(DEFAULT_FPS))
    parts = []
    for block in stages.each("decode", sound.blocks(driver.rate_hz)):
        with stages.time("motion"):
            parts.append(driver.push(block))
    with stages.time("motion"):
        parts.append(driver.finish())
    return still, Motion.concatenate([part for part in parts if part is not None]), sound


def _on_cpu(device: str) -> bool:
    from talkinghead.core.device import resolve_device

    return resolve_device(device).type == "cpu"
