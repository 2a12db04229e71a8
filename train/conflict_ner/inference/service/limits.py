"""What a client may ask of the service, and how a request that asks for more is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from conflict_ner.errors import format_count

API_KEY = "CONFLICT_NER_API_KEY"  # the environment variable


@dataclass(frozen=True, slots=True)
class Settings:
    """The limits of a service.

    max_characters: of one text, in code points. Longer texts than the encoder's window are fine: they get several.
    max_body: of a request, in bytes.
    max_waiting: texts that wait for the model, and requests in progress; also the most texts in a request.
    seconds: for a request, from its first byte to its answer.
    batch_seconds: how long the first text of a batch waits for others while the model is idle.
    batch_texts, batch_characters: of a batch at most, unless one text has more.
    api_key: what clients must send; None lets everybody in.

    Raises:
        ValueError: if a limit is not more than zero, or the key is empty.
    """

    max_characters: int = 100_000
    max_body: int = 4 * 2**20
    max_waiting: int = 512
    seconds: float = 30.0
    batch_seconds: float = 0.003
    batch_texts: int = 64
    batch_characters: int = 200_000
    api_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.api_key is not None:
            # A key that is read from a file often ends with a line break, which no client can send.
            object.__setattr__(self, "api_key", self.api_key.strip())
            if not self.api_key:
                raise ValueError("the API key is empty")
        for name in (each.name for each in fields(self) if each.name != "api_key"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0, not {getattr(self, name)}")


class RequestError(Exception):
    """A request that is answered with an error: an HTTP status and a message that says what to do."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


def busy(message: str) -> RequestError:
    """Return the refusal of a request for which there is no room now."""
    return RequestError(429, f"{message}; try again in a second", {"Retry-After": "1"})


def check_texts(texts: Sequence[str], settings: Settings) -> None:
    """Refuse texts that are too long, and more of them than may ever wait.

    Raises:
        RequestError: 422 in both cases.
    """
    if len(texts) > settings.max_waiting:
        most = format_count(settings.max_waiting, "text")
        raise RequestError(422, f"a request may have at most {most}, not {len(texts):,}; send several requests")
    for number, text in enumerate(texts):
        if len(text) > settings.max_characters:
            raise RequestError(
                422,
                f"text number {number} has {len(text):,} characters and a text may have at most "
                f"{settings.max_characters:,}; divide it, or start the service with a higher --max-characters",
            )
