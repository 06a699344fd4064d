"""One job: a row of a manifest made into a clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkinghead.batch.manifest import Job
from talkinghead.core.errors import InputError, TalkingHeadError
from talkinghead.core.options import truth
from talkinghead.core.output import check_not_input
from talkinghead.core.settings import OPTIONS, Settings, parse_box, settings_of

if TYPE_CHECKING:
    from talkinghead.clip import Clip


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `error` is None where it went well."""

    row: int
    key: str
    output: str
    error: str | None = None


# Columns beside the drawing's options: how a cell becomes a value, for either kind of clip and for both.
_TELLING = ("voice", "tts", "language", "tts-command")
_SPEAK: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_TELLING, str),
    "motion-model": str,
}
_ANIMATE: dict[str, Callable[[str], Any]] = {"no-audio": truth, "driving-face": int, "driving-box": parse_box}
_BOTH: dict[str, Callable[[str], Any]] = {"save-motion": Path, "report": Path}


def run_job(job: Job) -> Outcome:
    """Run one job in this process; whatever goes wrong is part of the outcome."""
    try:
        _make(job)
    except TalkingHeadError as error:
        return Outcome(job.row, job.key, job.output, str(error))
    except Exception as error:
        # One broken row must not end the others, whatever broke it.
        return Outcome(job.row, job.key, job.output, f"{type(error).__name__}: {error}")
    return Outcome(job.row, job.key, job.output)


def _make(job: Job) -> None:
    settings, rest = _read(job)
    check_not_input(Path(job.output), Path(job.source), None if job.kind == "text" else Path(job.driver))
    motion_to, report_to = rest.pop("save-motion", None), rest.pop("report", None)
    clip = _animated(job, settings, rest) if job.kind == "driving" else _spoken(job, settings, rest)
    clip.save(job.output, force=job.force, motion_to=motion_to, report_to=report_to)


def _read(job: Job) -> tuple[Settings, dict[str, Any]]:
    """The columns as settings, and what is no setting.

    Raises:
        InputError: a column is unknown, or a cell no value of it.
    """
    own = {**_BOTH, **(_ANIMATE if job.kind == "driving" else _SPEAK)}
    given: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, text in job.columns:
        if name in OPTIONS:
            given[name] = OPTIONS[name].value_of(text)
        elif name in own:
            try:
                rest[name] = own[name](text)
            except ValueError:
                raise InputError(f"{name} cannot be {text!r}") from None
        else:
            raise InputError(f"there is no column {name!r}: choose among {', '.join(sorted({*OPTIONS, *own}))}")
    return settings_of(given), rest


def _spoken(job: Job, settings: Settings, rest: dict[str, Any]) -> Clip:
    from talkinghead.calls import speak
    from talkinghead.tts.opening import Voice

    model = rest.get("motion-model", "auto")
    if job.kind == "text":
        voice = Voice(rest.get("voice"), rest.get("tts", "auto"), rest.get("language"), rest.get("tts-command"))
        return speak(job.source, text=job.driver, voice=voice, motion_model=model, settings=settings)
    if rest.keys() & set(_TELLING):
        raise InputError(f"{', '.join(_TELLING)} are for rows with a text")
    return speak(job.source, job.driver, motion_model=model, settings=settings)


def _animated(job: Job, settings: Settings, rest: dict[str, Any]) -> Clip:
    from talkinghead.calls import animate

    return animate(
        job.source,
        job.driver,
        silent=rest.get("no-audio", False),
        driving_face=rest.get("driving-face"),
        driving_box=rest.get("driving-box"),
        settings=settings,
    )
