"""Joins the texts of many requests into batches for the model, which one thread owns.

While the model computes a batch, texts gather for the next one, so under load no text waits on purpose. A text that
comes while the model is idle waits a few milliseconds for others. A request that is abandoned while its texts wait
(its client has hung up, or its time is over) costs nothing more.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from conflict_ner.data.document import Entity
from conflict_ner.errors import format_count
from conflict_ner.inference.service.limits import RequestError, Settings, busy

Tag = Callable[[list[str]], list[list[Entity]]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    text: str
    found: asyncio.Future[list[Entity]]


class Batcher:
    """Tags texts of concurrent requests in common batches, in the order in which they came.

    Args:
        tag: is called in one thread only, one batch at a time.
        settings: the sizes of a batch and of the queue.
        observe: is told the texts and the seconds of each batch.
    """

    def __init__(self, tag: Tag, settings: Settings, observe: Callable[[Sequence[str], float], None]) -> None:
        self._tag, self._settings, self._observe = tag, settings, observe
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tagger")
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, in the event loop that is running."""
        self._worker = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Answer what has been accepted, accept nothing more, and end the thread."""
        self._is_closing = True
        self._arrived.set()
        if self._worker is not None:
            await self._worker
        self._thread.shutdown()

    @property
    def is_ready(self) -> bool:
        """Whether texts are accepted and worked on."""
        return self._worker is not None and not self._worker.done() and not self._is_closing

    @property
    def waiting(self) -> int:
        """The number of texts that wait."""
        return len(self._waiting)

    async def tag(self, texts: Sequence[str]) -> list[list[Entity]]:
        """Return the entities of each text of a request.

        Raises:
            RequestError: 429 if the queue has no room for all of them, 503 if the service is stopping.
        """
        if not self.is_ready:
            raise RequestError(503, "the service is stopping", {"Retry-After": "5"})
        if len(self._waiting) + len(texts) > self._settings.max_waiting:
            raise busy(f"{format_count(len(self._waiting), 'text waits', 'texts wait')} for the model already")
        loop = asyncio.get_running_loop()
        added = [_Waiting(text, loop.create_future()) for text in texts]
        self._waiting.extend(added)
        self._arrived.set()
        return list(await asyncio.gather(*(each.found for each in added)))  # if cancelled, so are the futures

    async def _work(self) -> None:
        while True:
            if not self._waiting:
                if self._is_closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                if not self._is_closing:
                    await asyncio.sleep(self._settings.batch_seconds)
            if batch := list(self._next_batch()):
                await self._answer(batch)

    def _next_batch(self) -> Iterator[_Waiting]:
        """Take as many texts as a batch may have from the front of the queue; skip those that nobody waits for."""
        texts = characters = 0
        while self._waiting:
            first = self._waiting[0]
            if first.found.done():
                self._waiting.popleft()
                continue
            texts, characters = texts + 1, characters + len(first.text)
            if texts > self._settings.batch_texts or (texts > 1 and characters > self._settings.batch_characters):
                return
            yield self._waiting.popleft()

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        texts = [each.text for each in batch]
        start = time.perf_counter()
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._tag, texts)
        except Exception as error:  # whatever it is: the service goes on
            if len(batch) == 1:
                _resolve(batch[0], error)
                return
            for each in batch:  # one text is at fault, the others shall have their answer
                await self._answer([each])
            return
        self._observe(texts, time.perf_counter() - start)
        for each, entities in zip(batch, found, strict=True):
            _resolve(each, entities)


def _resolve(waiting: _Waiting, result: list[Entity] | Exception) -> None:
    if waiting.found.done():  # cancelled while it was computed
        return
    if isinstance(result, Exception):
        waiting.found.set_exception(result)
    else:
        waiting.found.set_result(result)
