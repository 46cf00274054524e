"""The HTTP API on `control.sock`, for operators: what the command line asks for when the daemon runs.

The socket's mode is the permission. Answers are JSON; an error is `{"error", "advice", "exit_code"}` with status 400
(404 and 405 for a path or method that there is not, 500 for a defect).
"""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from releasd.daemon.hostapi import host_routes
from releasd.engine.operator import Operator, Release
from releasd.errors import ReleasdError, UsageError
from releasd.model import Bump, JobId, StepName

CLOSE_WITHIN = 2.0  # seconds for requests that run
BACKLOG = 64
W = TypeVar("W", Bump, StepName)
LOOK_EVERY = 0.5  # seconds until a server that was told to end notices


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def _refused(_: Request, error: Exception) -> Response:
    if isinstance(error, ReleasdError):
        return _json({"error": error.message, "advice": error.advice, "exit_code": error.exit_code}, 400)
    if isinstance(error, HTTPException):
        return _json({"error": error.detail, "advice": "", "exit_code": 1}, error.status_code)
    text = f"a defect in releasd: {type(error).__name__}: {error}"
    return _json({"error": text, "advice": "please report it with the daemon's log", "exit_code": 1}, 500)


def _asked(request: Request, key: str) -> str:
    value = request.query_params.get(key)
    if value is None:
        raise UsageError(f"{request.url.path} needs {key}")
    return value


def _word(kind: type[W], value: str | None) -> W | None:
    """Return the member of an enum that was asked for."""
    if value is None:
        return None
    if value not in tuple(kind):
        raise UsageError(f"{value!r} is none of {', '.join(kind)}")
    return kind(value)


def routes(operator: Callable[[], Operator], reload: Callable[[], None]) -> Starlette:
    """Return the application. `operator` gives the present one: a `reload` of the configuration replaces it."""

    def status(request: Request) -> Response:
        seen = operator().status(request.query_params.get("project"))
        return _json(seen | {"daemon": {"running": True, "pid": os.getpid()}})

    def job(request: Request) -> Response:
        return _json(operator().job(request.path_params["job"]))

    def release(request: Request) -> Response:
        asked = request.query_params
        bump = _word(Bump, asked.get("bump"))
        wanted = Release(ref=asked.get("ref"), bump=bump, branch=asked.get("branch"), package=asked.get("package"))
        return _json({"job": operator().release(_asked(request, "project"), wanted)})

    def retry(request: Request) -> Response:
        step = _word(StepName, request.query_params.get("from"))
        operator().retry(JobId(request.path_params["job"]), step)
        return _json(operator().job(request.path_params["job"]))

    def cancel(request: Request) -> Response:
        operator().cancel(JobId(request.path_params["job"]))
        return _json(operator().job(request.path_params["job"]))

    def approve(request: Request) -> Response:
        operator().approve(JobId(request.path_params["job"]))
        return _json(operator().job(request.path_params["job"]))

    def acknowledge(request: Request) -> Response:
        return _json(operator().acknowledge(request.path_params["alarm"], _asked(request, "note")))

    def read_again(_: Request) -> Response:
        reload()
        return _json({"reload": "asked for"})

    return Starlette(
        routes=[
            Route("/v1/status", status),
            Route("/v1/jobs/{job:int}", job),
            Route("/v1/jobs/{job:int}/retry", retry, methods=["POST"]),
            Route("/v1/jobs/{job:int}/cancel", cancel, methods=["POST"]),
            Route("/v1/jobs/{job:int}/approve", approve, methods=["POST"]),
            Route("/v1/release", release, methods=["POST"]),
            Route("/v1/alarms/{alarm:int}/acknowledge", acknowledge, methods=["POST"]),
            *host_routes(operator, _json),
            Route("/v1/reload", read_again, methods=["POST"]),
        ],
        exception_handlers={ReleasdError: _refused, HTTPException: _refused, Exception: _refused},
    )


class _Server(uvicorn.Server):
    """uvicorn's own loop looks ten times a second whether to end: half of what an idle daemon did."""

    async def main_loop(self) -> None:
        """Serve until told to end; each look also renews the date that answers bear."""
        while not await self.on_tick(0):  # noqa: ASYNC110 - it is another thread that says so
            await asyncio.sleep(LOOK_EVERY)


class Api:
    """Serves until closed, on a Unix socket of its own making or on one that systemd opened."""

    def __init__(
        self,
        where: Path | socket.socket,
        *,
        mode: int,
        operator: Callable[[], Operator],
        reload: Callable[[], None],
    ) -> None:
        self._made = where if isinstance(where, Path) else None
        config = uvicorn.Config(routes(operator, reload), log_config=None, access_log=False, lifespan="off", ws="none")
        self._server = _Server(config)
        self._socket = _listen(where, mode) if isinstance(where, Path) else where
        self._thread = Thread(target=self._server.run, args=([self._socket],), name="api", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and remove the socket."""
        self._server.should_exit = True
        self._thread.join(timeout=CLOSE_WITHIN)
        self._socket.close()
        if self._made is not None:
            self._made.unlink(missing_ok=True)


def _listen(path: Path, mode: int) -> socket.socket:
    """Listen on a fresh socket; the lock on the state folder proves that an old file there is nobody's."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(mode)
    listener.listen(BACKLOG)
    return listener
