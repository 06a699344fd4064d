"""`/v1/videos`: jobs over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.background import BackgroundTask

from talkinghead.core.errors import InputError, TalkingHeadError
from talkinghead.core.settings import Settings
from talkinghead.core.temporary import KeptFile
from talkinghead.media.audio import probe_audio
from talkinghead.media.kinds import is_video
from talkinghead.media.video import VideoReader
from talkinghead.motion.files import is_motion_file, load_motion
from talkinghead.server.jobs import Jobs
from talkinghead.server.journal import Job
from talkinghead.server.limits import Limits, RefusedError
from talkinghead.server.uploads import check_is_no_text, check_options, check_picture, form_of, kept_file

_LOOK_S = 0.1


class Videos:
    """The routes of jobs."""

    def __init__(self, jobs: Jobs, base: Settings, limits: Limits) -> None:
        self.jobs, self._base, self._limits = jobs, base, limits

    async def add(self, request: Request) -> Response:
        """A job: a form with `picture`, and `audio`, or `text` (with `voice`, `language`), or `driving`; options as the
        command line names them."""
        return JSONResponse(described(await self._submit(request)), 202)

    async def make(self, request: Request) -> Response:
        """The same, waited for: the video itself."""
        job = await self._submit(request)
        try:
            while not job.has_ended:
                if await request.is_disconnected():
                    raise RefusedError(499, "the client has gone")
                await asyncio.sleep(_LOOK_S)
                job = self.jobs.get(job.id)
        except BaseException:
            self.jobs.remove(job.id)
            raise
        if job.state != "completed":
            self.jobs.remove(job.id)
            raise InputError(job.error or f"the job was {job.state}")
        path = self.jobs.result(job.id)
        gone = BackgroundTask(self.jobs.remove, job.id)
        return FileResponse(path, media_type="video/mp4", background=gone)

    async def get(self, name: str) -> Response:
        """How far a job has come."""
        return JSONResponse(described(self.jobs.get(name)))

    async def content(self, name: str) -> Response:
        """Its video; ranges are answered."""
        return FileResponse(self.jobs.result(name), media_type="video/mp4", filename=f"{name}.mp4")

    async def events(self, name: str) -> Response:
        """How far it has come, again and again, as server-sent events, to its end."""
        self.jobs.get(name)
        return StreamingResponse(
            self._told(name), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def remove(self, name: str) -> Response:
        """Cancel a job that has not ended; forget one that has, with its video."""
        before = self.jobs.get(name)
        job = await asyncio.to_thread(self.jobs.remove, name)
        return Response(status_code=204) if before.has_ended else JSONResponse(described(job))

    async def _told(self, name: str) -> AsyncIterator[str]:
        last = ""
        while True:
            job = self.jobs.journal.get(name)
            if job is None:
                return
            said = json.dumps(described(job))
            if said != last:
                yield f"event: {job.state}\ndata: {said}\n\n"
                last = said
            if job.has_ended:
                return
            await asyncio.sleep(_LOOK_S)

    async def _submit(self, request: Request) -> Job:
        fields = await form_of(request)
        files: dict[str, KeptFile] = {}
        try:
            asked: dict[str, object] = {}
            for name in ("text", "voice", "language"):
                if name in fields:
                    asked[name] = self._text(fields.pop(name), name)
            for name in ("picture", "audio", "driving"):
                if name in fields or name == "picture":
                    files[name] = await kept_file(fields.pop(name, None), name)
            if sum(name in (*asked, *files) for name in ("text", "audio", "driving")) != 1:
                raise InputError("give one of audio, text and driving")
            if "text" not in asked and asked:
                raise InputError(f"{sorted(asked)[0]} is for a text")
            asked["options"] = check_options(fields, self._base)
            await asyncio.to_thread(self._check, files)
            return await asyncio.to_thread(self.jobs.submit, asked, files)
        except TalkingHeadError as error:
            said = str(error)
            for name, kept in files.items():
                said = said.replace(str(kept.path), name).replace(kept.path.name, name)
            raise InputError(said) from None
        finally:
            for kept in files.values():
                kept.close()

    def _text(self, value: Any, name: str) -> str:
        longest = self._limits.text_chars if name == "text" else 64
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{name} must be a text, and not empty")
        if len(value) > longest:
            raise RefusedError(413, f"{name} has {len(value)} characters, and {longest} are allowed")
        if name == "voice" and ("/" in value or value.endswith(".onnx")):
            raise InputError("a voice is a name here, such as de or en-gb+f3")
        return value

    def _check(self, files: dict[str, KeptFile]) -> None:
        check_picture(files["picture"], self._limits)
        for name in ("audio", "driving"):
            if name in files and not is_motion_file(files[name].path):
                check_is_no_text(files[name], name)
        seconds = 0.0
        if "audio" in files:
            seconds = probe_audio(files["audio"].path).duration_s
        elif "driving" in files:
            seconds = _lasts_s(files["driving"])
        if seconds > self._limits.sound_s:
            raise RefusedError(413, f"it lasts {seconds:.0f} s, and {self._limits.sound_s} s are allowed")


def _lasts_s(driving: KeptFile) -> float:
    if is_motion_file(driving.path):
        motion = load_motion(driving.path)
        return float(len(motion) / motion.fps)
    if not is_video(driving.path):
        return 0.0
    with VideoReader(driving.path) as video:
        return float((video.frames or 0) / video.fps)


def described(job: Job) -> dict[str, object]:
    """What a client is told of a job."""
    return {"id": job.id, "status": job.state, "progress": round(job.progress, 3), "frames": job.frames,
            "created": round(job.created_s, 3), **({"error": job.error} if job.error else {})}  # fmt: skip
