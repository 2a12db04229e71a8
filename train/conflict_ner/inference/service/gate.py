"""What every request passes before it is routed: the API key, other sites' pages, its time; and how errors are told.

Nothing that a client sends is ever logged: of an error of ours only its type and its place in the code are.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from secrets import compare_digest
from typing import Any

from conflict_ner.errors import format_count
from conflict_ner.inference.service.limits import RequestError, Settings, busy

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
CountRequest = Callable[[str, int, float], None]

OPEN_PATHS = frozenset({"/health", "/v2/health/live", "/v2/health/ready"})  # probes carry no key
HUNG_UP = 499  # as nginx counts a request whose client did not wait for the answer
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="conflict-ner", charset="UTF-8"'}  # so that a browser asks for the key


class Gate:
    """An ASGI middleware around the whole service.

    Args:
        app: the service.
        settings: its limits and its API key.
        count: is told the path of the route, the status and the seconds of each request.
    """

    def __init__(self, app: App, settings: Settings, count: CountRequest) -> None:
        self._app, self._settings, self._count = app, settings, count
        self._requests = 0  # in progress

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, count it, and answer errors."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        self._requests += 1
        try:
            self._check(scope)
            async with asyncio.timeout(self._settings.seconds):
                await self._app(scope, receive, watched)
        except Exception as error:
            refusal = self._refusal(error)
            if not status and refusal.status != HUNG_UP:
                await send_json(watched, refusal.status, {"error": refusal.message}, refusal.headers)
        finally:
            self._requests -= 1
            route = scope.get("route")
            self._count(getattr(route, "path", "other"), status or HUNG_UP, time.perf_counter() - begin)

    def _refusal(self, error: Exception) -> RequestError:
        """Return how an error is told to the client."""
        if isinstance(error, RequestError):
            return error
        if isinstance(error, TimeoutError):
            message = f"not answered within {self._settings.seconds:g} seconds; try again later, or with fewer texts"
            return RequestError(503, message, {"Retry-After": "5"})
        _log(error)
        return RequestError(500, "the service failed; its log names the place in the code")

    def _check(self, scope: Scope) -> None:
        headers = {name: value for name, value in scope["headers"] if name in (b"authorization", b"sec-fetch-site")}
        if scope["path"] in OPEN_PATHS:
            return
        if self._settings.api_key is not None and not is_key(
            headers.get(b"authorization", b""), self._settings.api_key
        ):
            raise RequestError(
                401, "send the API key: Authorization: Bearer KEY, or as the password of Basic", _CHALLENGE
            )
        if scope["method"] == "POST" and headers.get(b"sec-fetch-site") == b"cross-site":
            raise RequestError(403, "pages of other sites may not use this service from a browser")
        if self._requests > self._settings.max_waiting:
            raise busy(f"{format_count(self._requests - 1, 'request is', 'requests are')} in progress already")


def is_key(authorization: bytes, key: str) -> bool:
    """Return whether an Authorization header carries the key, as Bearer or as the password of Basic, in constant time.

    >>> is_key(b"Bearer secret", "secret"), is_key(b"Basic OnNlY3JldA==", "secret"), is_key(b"Bearer other", "secret")
    (True, True, False)
    """
    scheme, _, value = authorization.strip().partition(b" ")
    given = value.strip()
    if scheme.lower() == b"basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != b"bearer":
        return False
    return compare_digest(given, key.encode())


async def send_json(send: Send, status: int, content: Any, headers: Mapping[str, str]) -> None:
    """Send a whole answer in JSON."""
    body = json.dumps(content, ensure_ascii=False).encode()
    own = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in own.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _log(error: Exception) -> None:
    """Print the type and the place of an error, without its message, which may quote a text."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    print(f"error: {type(error).__name__} in {last.filename}:{last.lineno}, {last.name}", file=sys.stderr, flush=True)
