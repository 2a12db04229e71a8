"""Batches: which texts share one, in which order, and what a text that fails does to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from conflict_ner.inference.service.batching import Batcher
from conflict_ner.inference.service.limits import RequestError, Settings
from helpers.service import StubTagger


def run(use: Callable[[Batcher], Awaitable[Any]], tagger: StubTagger, settings: Settings) -> Any:
    """Use a batcher in an event loop, then close it."""

    async def main() -> Any:
        batcher = Batcher(tagger.tag, settings, lambda texts, seconds: None)
        batcher.start()
        try:
            return await use(batcher)
        finally:
            tagger.free.set()
            await batcher.close()

    return asyncio.run(main())


def test_texts_that_come_together_share_a_batch_and_keep_their_order() -> None:
    async def use(batcher: Batcher) -> Any:
        return await asyncio.gather(batcher.tag(["Goma"]), batcher.tag(["-", "Sanaa Goma"]), batcher.tag([]))

    tagger = StubTagger()
    one, two, none = run(use, tagger, Settings())
    assert [[entity.text for entity in entities] for entities in [*one, *two]] == [["Goma"], [], ["Sanaa", "Goma"]]
    assert none == []
    assert tagger.batches == [["Goma", "-", "Sanaa Goma"]]


def test_a_batch_is_limited_in_texts_and_characters_and_a_long_text_has_its_own() -> None:
    async def use(batcher: Batcher) -> None:
        await batcher.tag(["a", "b", "c", "d" * 50, "e", "f" * 9, "g"])

    tagger = StubTagger()
    run(use, tagger, Settings(batch_texts=3, batch_characters=10))
    assert [[text[0] for text in batch] for batch in tagger.batches] == [["a", "b", "c"], ["d"], ["e", "f"], ["g"]]


def test_what_nobody_waits_for_is_not_computed() -> None:
    async def use(batcher: Batcher) -> None:
        tagger.free.clear()
        first = asyncio.ensure_future(batcher.tag(["first"]))
        while not tagger.batches:
            await asyncio.sleep(0.001)
        abandoned, kept = (asyncio.ensure_future(batcher.tag([name])) for name in ("abandoned", "kept"))
        await asyncio.sleep(0.01)
        assert batcher.waiting == 2
        abandoned.cancel()
        first.cancel()  # is computed already: its answer goes nowhere
        await asyncio.sleep(0)
        tagger.free.set()
        await kept

    tagger = StubTagger()
    run(use, tagger, Settings(batch_texts=1))
    assert tagger.batches == [["first"], ["kept"]]


def test_a_text_that_fails_takes_no_other_with_it() -> None:
    async def use(batcher: Batcher) -> Any:
        calls = (batcher.tag([text]) for text in ("Goma", "FAIL", "Sanaa"))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert batcher.is_ready
        return results

    goma, error, sanaa = run(use, StubTagger(), Settings())
    assert [goma[0][0].text, sanaa[0][0].text] == ["Goma", "Sanaa"]
    assert isinstance(error, RuntimeError)


def test_after_a_stop_nothing_is_accepted() -> None:
    async def main() -> None:
        batcher = Batcher(StubTagger().tag, Settings(), lambda texts, seconds: None)
        batcher.start()
        assert batcher.is_ready
        await batcher.close()
        assert not batcher.is_ready
        with pytest.raises(RequestError, match="the service is stopping") as error:
            await batcher.tag(["Goma"])
        assert error.value.status == 503

    asyncio.run(main())


@pytest.mark.parametrize("wrong", [{"max_waiting": 0}, {"seconds": -1}, {"api_key": " "}])
def test_a_limit_is_more_than_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be more than 0|is empty"):
        Settings(**wrong)
    assert "secret" not in repr(Settings(api_key="secret"))
