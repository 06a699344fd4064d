"""The server's application: FastAPI, as `talkinghead serve` runs it with uvicorn.

    POST   /v1/avatars               a picture -> {"id", "width", "height", "frame_ms"}, kept for a time
    GET    /v1/avatars/{id}          the same again            DELETE  forgets it
    POST   /v1/avatars/{id}/webrtc   an SDP offer -> an answer: the same as a call, see `talkinghead.server.webrtc`
    WS     /v1/avatars/{id}/stream   sound or text in, video out while it is spoken: see `talkinghead.server.protocol`
    POST   /v1/videos                a picture with audio, text or driving -> 202 {"id", "status", "progress"}
    GET    /v1/videos/{id}           the same now; /content its video, /events the same as it changes;  DELETE  cancels
    POST   /v1/videos/sync           the video itself
    POST   /v1/faces                 which faces a picture shows
    POST   /v1/edits                 a picture with its face changed
    GET    /v1/voices                what speaks a text
    GET    /                         a page for people: a portrait that says what they type and what they say
    GET    /healthz  /metrics  /docs  /openapi.json

Nothing that a request names is fetched, and what it uploads lies in temporary files for as long as it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.datastructures import UploadFile

from talkinghead import __version__
from talkinghead.core.errors import DependencyError, InputError, TalkingHeadError
from talkinghead.core.settings import Settings
from talkinghead.core.temporary import KeptFile
from talkinghead.server.avatars import AvatarStore, KeptAvatar
from talkinghead.server.capacity import Capacity, Wanted
from talkinghead.server.documents import FORM, OFFER, RESPONSES
from talkinghead.server.guard import Guard
from talkinghead.server.jobs import Jobs
from talkinghead.server.limits import Limits, RefusedError
from talkinghead.server.metrics import Metrics
from talkinghead.server.offers import read_offer
from talkinghead.server.own_page import add_page
from talkinghead.server.pictures import edited, faces_in
from talkinghead.server.streams import Streaming
from talkinghead.server.trial import Trial
from talkinghead.server.uploads import check_picture, form_of, kept_file, said_of, settings_from
from talkinghead.server.videos import Videos
from talkinghead.server.voices import listed_voices, voices_ready

if TYPE_CHECKING:
    from talkinghead.server.webrtc import Calls

_CLOSED_BADLY, _TRY_LATER = 1008, 1013


class Server:
    """What the routes share."""

    def __init__(self, limits: Limits, settings: Settings, jobs: Jobs, say: Callable[[str], None]) -> None:
        self.limits, self.metrics = limits, Metrics()
        self.avatars, self.capacity = AvatarStore(limits, settings), Capacity(limits)
        self.trial = Trial(self.capacity, settings, say)
        self.videos = Videos(jobs, replace(settings, max_side=Settings().max_side), limits)
        self._calls: Calls | None = None
        # Opening a picture takes all cores for a moment: one at a time.
        self.opening = asyncio.Lock()

    async def add_avatar(self, request: Request) -> Response:
        """Open a picture: a form with `picture` and options as the command line names them; `background` may be a
        picture too."""
        fields = await form_of(request)
        kept = await kept_file(fields.pop("picture", None), "picture")
        behind: KeptFile | None = None
        try:
            if isinstance(fields.get("background"), UploadFile):
                behind = await kept_file(fields.pop("background"), "background")
            settings = settings_from(fields, self.avatars.settings)
            async with self.opening:
                await asyncio.to_thread(self.trial.wait)  # nothing is measured beside it
                for file in (kept, behind):
                    if file is not None:
                        await asyncio.to_thread(check_picture, file, self.limits)
                if behind is not None:
                    settings = replace(settings, background=str(behind.path))
                made = await asyncio.to_thread(self.avatars.add, kept.path, settings)
        except TalkingHeadError as error:
            of_background = behind is not None and behind.path.name in str(error)
            said = said_of(error, behind, "the background") if of_background and behind else said_of(error, kept)
            raise InputError(said) from None
        finally:
            kept.close()
            if behind is not None:
                behind.close()
        return JSONResponse(self._described(made), 201)

    async def get_avatar(self, name: str) -> Response:
        return JSONResponse(self._described(self.avatars.get(name)))

    def _described(self, kept: KeptAvatar) -> dict[str, object]:
        width, height = kept.size_px
        return {"id": kept.id, "width": width, "height": height, "frame_ms": round(1000 * kept.frame_s, 2),
                "note": kept.note, "busy": self.capacity.refusal(kept)}  # fmt: skip

    async def remove_avatar(self, name: str) -> Response:
        self.avatars.remove(name)
        return Response(status_code=204)

    async def stream(self, socket: WebSocket, name: str) -> None:
        """One stream: refused before it is accepted where there is no such avatar, or no room for one more."""
        kept = self.avatars.get(name)
        with self.capacity.session(kept) as place:
            await socket.accept()
            self.metrics.add("sessions_total")
            streaming = Streaming(socket, kept, self.limits)
            try:
                start = await streaming.start()
                place.become(Wanted(start.video, start.size_px, float(start.fps)))
                await streaming.run(start)
                code = 1000
            except RefusedError as refused:  # what it turned out to want is more than there is
                self.metrics.add("refused_total")
                await socket.send_json({"type": "error", "message": refused.message})
                code = _TRY_LATER
            except InputError as error:
                await socket.send_json({"type": "error", "message": str(error)})
                code = _CLOSED_BADLY
            except (RuntimeError, OSError):  # the client has gone
                return
            finally:
                if streaming.talker is not None:
                    self.metrics.add("frames_total", streaming.talker.frames)
            if not streaming.client_left:
                await socket.close(code)

    async def call(self, request: Request, name: str) -> Response:
        """One call: JSON with an SDP offer in, an answer out."""
        kept = self.avatars.get(name)
        offer = read_offer(await request.body())
        try:
            from talkinghead.server.webrtc import Calls
        except ImportError as error:
            raise DependencyError(f"WebRTC needs {error.name}: pip install 'talkinghead[webrtc]'") from error
        if self._calls is None:
            self._calls = Calls(self.capacity, self.limits, self.metrics)
        return JSONResponse(await self._calls.answer(kept, offer))

    async def close(self) -> None:
        """End what runs."""
        if self._calls is not None:
            await self._calls.close()
        await asyncio.to_thread(self.trial.close)
        await asyncio.to_thread(self.videos.jobs.close)

    async def faces(self, request: Request) -> Response:
        """Which faces a picture shows: a form with `picture`."""
        fields = await form_of(request)
        async with self.opening:
            return JSONResponse(await faces_in(fields, self.limits))

    async def edit(self, request: Request) -> Response:
        """A picture with its face changed: a form with `picture`, controls by name, options; PNG out."""
        fields = await form_of(request)
        async with self.opening:
            return Response(await edited(fields, self.avatars.settings, self.limits), media_type="image/png")

    async def voices(self) -> Response:
        """The voices that speak a text here."""
        return JSONResponse({"voices": await asyncio.to_thread(listed_voices)})

    async def health(self) -> Response:
        streams = [{"size": one.size, "frame_ms": round(1000 * one.draw_s, 2), **one.streams}
                   for one in self.trial.taken]  # fmt: skip
        return JSONResponse({"status": "ok", "version": __version__, "sessions": self.capacity.sessions,
                             "capacity": {"used": round(self.capacity.used, 3), "streams": streams}})  # fmt: skip

    async def measures(self) -> Response:
        text = self.metrics.text({
            "jobs": {f'state="{state}"': count for state, count in self.videos.jobs.journal.counts().items()},
            "capacity_streams": {f'kind="{kind}",size="{one.size}"': count
                                 for one in self.trial.taken for kind, count in one.streams.items()},
            "avatars": len(self.avatars),
            "sessions": self.capacity.sessions, "capacity_used": self.capacity.used,
        })  # fmt: skip
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def make_app(limits: Limits, settings: Settings, state: Path, say: Callable[[str], None] = lambda line: None) -> Any:
    """The ASGI application; `settings` are what a picture is drawn with where a request says nothing else, `state` is
    the folder in which jobs lie; `say` hears what this machine is taken to draw."""
    server = Server(limits, settings, Jobs(state, limits), say)

    @asynccontextmanager
    async def lasting(app: FastAPI) -> AsyncIterator[None]:
        server.trial.start()
        with voices_ready():
            yield
        await server.close()

    app = FastAPI(title="talkinghead", version=__version__, description=__doc__, lifespan=lasting)
    form = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}}
    app.add_api_route("/v1/avatars", server.add_avatar, methods=["POST"], status_code=201, openapi_extra=form,
                      responses=RESPONSES)  # fmt: skip
    app.add_api_route("/v1/avatars/{name}", server.get_avatar, methods=["GET"], responses=RESPONSES)
    app.add_api_route("/v1/avatars/{name}", server.remove_avatar, methods=["DELETE"], status_code=204,
                      responses=RESPONSES)  # fmt: skip
    app.add_api_websocket_route("/v1/avatars/{name}/stream", server.stream)
    app.add_api_route("/v1/avatars/{name}/webrtc", server.call, methods=["POST"], openapi_extra=OFFER,
                      responses=RESPONSES)  # fmt: skip
    videos = server.videos
    app.add_api_route("/v1/videos", videos.add, methods=["POST"], status_code=202, openapi_extra=form,
                      responses=RESPONSES)  # fmt: skip
    app.add_api_route("/v1/videos/sync", videos.make, methods=["POST"], openapi_extra=form, responses=RESPONSES)
    app.add_api_route("/v1/videos/{name}", videos.get, methods=["GET"], responses=RESPONSES)
    app.add_api_route("/v1/videos/{name}", videos.remove, methods=["DELETE"], responses=RESPONSES)
    app.add_api_route("/v1/videos/{name}/content", videos.content, methods=["GET"], responses=RESPONSES)
    app.add_api_route("/v1/videos/{name}/events", videos.events, methods=["GET"], responses=RESPONSES)
    app.add_api_route("/v1/faces", server.faces, methods=["POST"], openapi_extra=form, responses=RESPONSES)
    app.add_api_route("/v1/edits", server.edit, methods=["POST"], openapi_extra=form, responses=RESPONSES)
    app.add_api_route("/v1/voices", server.voices, methods=["GET"], responses=RESPONSES)
    app.add_api_route("/healthz", server.health, methods=["GET"])
    app.add_api_route("/metrics", server.measures, methods=["GET"], response_class=PlainTextResponse)

    async def say_refused(request: Request, refused: RefusedError) -> Response:
        server.metrics.add("refused_total")
        headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
        return JSONResponse({"error": refused.message}, refused.status, headers)

    async def say_error(request: Request, error: TalkingHeadError) -> Response:
        return JSONResponse({"error": str(error)}, 501 if isinstance(error, DependencyError) else 422)

    async def refuse_socket(socket: WebSocket, refused: RefusedError) -> None:
        server.metrics.add("refused_total")
        headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
        await socket.send_denial_response(JSONResponse({"error": refused.message}, refused.status, headers))

    async def refuse(request: Any, refused: RefusedError) -> Response | None:
        if isinstance(request, WebSocket):
            await refuse_socket(request, refused)
            return None
        return await say_refused(request, refused)

    add_page(app)
    app.add_exception_handler(RefusedError, refuse)
    app.add_exception_handler(TalkingHeadError, say_error)
    return Guard(app, limits)
