"""Runs the service: binds the port first, then serves until it is told to stop, and answers what it has accepted."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable

from conflict_ner.errors import ServeError, require_packages
from conflict_ner.inference.service.app import NEEDED, create_app
from conflict_ner.inference.service.bodies import TextTagger
from conflict_ner.inference.service.limits import API_KEY, Settings

_KEEP_ALIVE = 30  # seconds that a connection without a request stays open
_GRACE = 5  # seconds more than a request may take, until a stop ends what is not answered


def serve(
    load: Callable[[], TextTagger], host: str, port: int, settings: Settings, tell: Callable[[str], None] = print
) -> None:
    """Serve a Tagger until SIGINT or SIGTERM; requests that were accepted by then are answered.

    Args:
        load: returns the Tagger; called once the port is ours.
        host: an address of this machine, or a name of one.
        port: 0 for any that is free.
        settings: the limits, and the API key.
        tell: is given a line when the service is ready, with its address, and other lines for a person.

    Raises:
        ServeError: if the port is in use or may not be used, or there is no such address.
        MissingExtraError: if FastAPI, uvicorn or prometheus-client is not installed.
    """
    require_packages("serve", NEEDED)
    import uvicorn

    with bind(host, port) as listener:
        tagger = load()
        tagger.tag(["At least 19 fighters died."])  # the first call takes longer than any other
        config = uvicorn.Config(
            create_app(tagger, settings),
            log_level="error",
            access_log=False,  # its lines hold whole addresses, which clients choose
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=int(settings.seconds) + _GRACE,
        )
        if not is_loopback(listener) and settings.api_key is None:
            tell(f"warning: anyone who reaches {host} can use this service; {API_KEY} in the environment sets a key")
        tell(f"{tagger.checkpoint.name} is served on {address(listener)}; Ctrl-C stops it")
        # uvicorn repeats the signal that stopped it, for whoever had a handler before: here a stop is no failure.
        previous = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    tell("stopped; every request that was accepted has been answered")


def _ignore(*_: object) -> None:
    """Handle a signal by doing nothing."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that nobody else gets the port while the model loads.

    Raises:
        ServeError: with what to do instead.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise ServeError(f"--host {host}: no such address of this machine ({error})") from None
    try:
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a port whose last owner has just stopped is free
        listener.bind(place)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            advice = "is in use by another program; choose another with --port, or 0 for any that is free"
        elif error.errno in (errno.EACCES, errno.EPERM):
            advice = "may not be used by this user; choose one from 1024 on with --port"
        else:
            raise ServeError(f"--host {host}: {error.strerror or error}; 127.0.0.1 is this machine alone") from None
        raise ServeError(f"port {port} of {host} {advice}") from None
    return listener


def address(listener: socket.socket) -> str:
    """Return the address of a service as a browser takes it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Return whether only programs of this machine reach a service."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback
