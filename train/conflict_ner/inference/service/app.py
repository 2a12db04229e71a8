"""The service as an ASGI application, for uvicorn or any other server.

from conflict_ner import Tagger
from conflict_ner.inference.service.app import create_app

app = create_app(Tagger.load("models/default"))  # uvicorn my_module:app
"""
# Without `from __future__ import annotations`: FastAPI reads the annotations of functions that are made in a function.

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from conflict_ner.errors import require_packages
from conflict_ner.inference.service import open_inference
from conflict_ner.inference.service.batching import Batcher
from conflict_ner.inference.service.bodies import AnyBody, Model, TextTagger, parse
from conflict_ner.inference.service.gate import HUNG_UP, Gate
from conflict_ner.inference.service.hugging_face import InferenceRequest
from conflict_ner.inference.service.label_studio import PredictRequest, SetupRequest, labeling_tags
from conflict_ner.inference.service.limits import RequestError, Settings, check_texts
from conflict_ner.inference.service.metrics import Metrics
from conflict_ner.inference.service.page import render_page
from conflict_ner.inference.service.tag_requests import TagRequest

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

NEEDED = {
    "fastapi": "fastapi>=0.120",
    "uvicorn": "uvicorn>=0.35",
    "prometheus_client": "prometheus-client>=0.22",
}
# FastAPI can report requests and the messages of errors to OpenTelemetry; texts might be among them.
_NO_TELEMETRY: Any = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)
# Bytes of a body that is too large: so many are read and dropped, because a client that still sends reads no answer.
_DRAINED = 64 * 2**20
_NOT_THERE = {  # what to do, which the framework's own "Not Found" and "Method Not Allowed" do not say
    404: "there is no such path; GET /openapi.json lists all, and POST /tag tags a text",
    405: "this path does not take {method}; GET /openapi.json lists what each takes",
}
_BODIES = (TagRequest, InferenceRequest, open_inference.InferRequest, SetupRequest, PredictRequest)
Result = TypeVar("Result")


def create_app(tagger: TextTagger, settings: Settings | None = None) -> "FastAPI":
    """Return the service as an ASGI application, which owns the Tagger from then on.

    Args:
        tagger: what texts are tagged with.
        settings: the limits of requests and the API key.

    Raises:
        MissingExtraError: if FastAPI, uvicorn or prometheus-client is not installed.
    """
    require_packages("serve", NEEDED)
    from fastapi import FastAPI
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    service = Service(tagger, settings or Settings())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        yield
        await service.batcher.close()

    app = FastAPI(
        title="conflict-ner",
        version=open_inference.package_version(),
        docs_url=None,  # its page loads scripts from another site
        redoc_url=None,
        lifespan=lifespan,
        telemetry=_NO_TELEMETRY,
    )

    async def refuse(request: Any, error: Any) -> Any:
        message = _NOT_THERE.get(error.status_code, str(error.detail))
        return JSONResponse({"error": message.format(method=request.method)}, error.status_code, error.headers)

    app.add_exception_handler(HTTPException, refuse)  # a path or a method that is not there
    gate: Any = Gate
    app.add_middleware(gate, settings=service.settings, count=service.metrics.count_request)
    _add_tagging(app, service)
    _add_open_inference(app, service)
    _add_information(app, service)
    _add_schemas(app)
    return app


class Service:
    """What all routes share: the queue, the figures, the model and the limits."""

    def __init__(self, tagger: TextTagger, settings: Settings) -> None:
        self.settings, self.model = settings, Model.of(tagger)
        self.metrics = Metrics(self.model, lambda: self.batcher.waiting)
        self.batcher = Batcher(tagger.tag, settings, self.metrics.count_batch)

    async def answer(self, request: "Request", kind: type[AnyBody]) -> Any:
        """Answer a request for tags.

        Args:
            request: whose body has not been read.
            kind: the protocol's form of a body, which is a `Call`.

        Raises:
            RequestError: if it cannot be answered, with the status that says why.
        """
        call: Any = await self.read(request, kind)
        texts = call.wanted
        check_texts(texts, self.settings)
        found = await until_hangup(request, self.batcher.tag(texts))
        self.metrics.count_entities(found)
        return _json(call.answer(found, self.model))

    async def read(self, request: "Request", kind: type[AnyBody]) -> AnyBody:
        """Read and parse a request's body.

        Raises:
            RequestError: if it is too large, or is not what the protocol asks for.
        """
        return parse(kind, await read_body(request, self.settings.max_body))


def _add_tagging(app: "FastAPI", service: Service) -> None:
    """Add the routes that tag texts, each in the form of its protocol."""
    from fastapi import Request

    @app.post("/tag", openapi_extra=_body(TagRequest), summary="Tag one text or many")
    async def tag(request: Request) -> Any:
        return await service.answer(request, TagRequest)

    @app.post("/", openapi_extra=_body(InferenceRequest), summary="Hugging Face inference API: token classification")
    async def token_classification(request: Request) -> Any:
        return await service.answer(request, InferenceRequest)

    @app.post("/predict", openapi_extra=_body(PredictRequest), summary="Label Studio ML backend: predictions")
    async def predict(request: Request) -> Any:
        return await service.answer(request, PredictRequest)

    @app.post("/setup", openapi_extra=_body(SetupRequest), summary="Label Studio ML backend: a project connects")
    async def setup(request: Request) -> Any:
        body = await service.read(request, SetupRequest)
        if body.labeling_config:
            labeling_tags(body.labeling_config)
        return _json({"model_version": service.model.version})


def _add_open_inference(app: "FastAPI", service: Service) -> None:
    """Add the routes of the Open Inference Protocol."""
    from fastapi import Request

    model, body = service.model, _body(open_inference.InferRequest)

    @app.post("/v2/models/{name}/infer", openapi_extra=body, summary="Open Inference Protocol: inference")
    @app.post("/v2/models/{name}/versions/{version}/infer", openapi_extra=body, include_in_schema=False)
    async def infer(request: Request, name: str, version: str | None = None) -> Any:
        open_inference.check_model(model, name, version)
        if "inference-header-content-length" in request.headers:
            raise RequestError(400, "this service does not have the extension for tensors in binary form; send JSON")
        return await service.answer(request, open_inference.InferRequest)

    @app.get("/v2/models/{name}", summary="Open Inference Protocol: the model")
    @app.get("/v2/models/{name}/versions/{version}", include_in_schema=False)
    async def metadata(name: str, version: str | None = None) -> Any:
        open_inference.check_model(model, name, version)
        return open_inference.model_metadata(model)

    @app.get("/v2/models/{name}/ready", summary="Open Inference Protocol: the model's readiness")
    @app.get("/v2/models/{name}/versions/{version}/ready", include_in_schema=False)
    async def model_ready(name: str, version: str | None = None) -> Any:
        open_inference.check_model(model, name, version)
        return {"name": model.name, "ready": service.batcher.is_ready}

    @app.get("/v2", summary="Open Inference Protocol: the server")
    async def server() -> Any:
        return open_inference.server_metadata()

    @app.get("/v2/health/live", summary="Open Inference Protocol: liveness")
    async def live() -> Any:
        return {"live": True}

    @app.get("/v2/health/ready", summary="Open Inference Protocol: readiness")
    async def ready() -> Any:
        if not service.batcher.is_ready:
            raise RequestError(503, "the service is stopping")
        return {"live": True, "ready": True}


def _add_information(app: "FastAPI", service: Service) -> None:
    """Add the routes that tell about the service and its model, and the page."""
    from fastapi import Response

    model = service.model
    page, page_headers = render_page(model, service.settings)

    @app.get("/", include_in_schema=False)
    async def show_page() -> Any:
        return Response(page, media_type="text/html; charset=utf-8", headers=page_headers)

    @app.get("/health", summary="Whether the service answers, as Label Studio asks")
    async def health() -> Any:
        if not service.batcher.is_ready:
            raise RequestError(503, "the service is stopping")
        return {"status": "UP", "model_class": "conflict-ner", "model": model.name, "version": model.version}

    @app.get("/metrics", summary="Figures for Prometheus")
    async def metrics() -> Any:
        content, media_type = service.metrics.render()
        return Response(content, headers={"content-type": media_type})


async def read_body(request: "Request", most: int) -> bytes:
    """Read a request's body.

    Raises:
        RequestError: 413 if it has more than `most` bytes, 499 if the client hangs up.
    """
    from starlette.requests import ClientDisconnect

    body, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= most:
                body += chunk
            else:
                body.clear()
                if size > most + _DRAINED:
                    break
    except ClientDisconnect:
        raise RequestError(HUNG_UP, "the client has hung up") from None
    if size > most:
        message = (
            f"the body has more than {most:,} bytes; send several requests, or start the "
            f"service with a higher --max-body"
        )
        raise RequestError(413, message, {"Connection": "close"})
    return bytes(body)


async def until_hangup(request: "Request", work: Awaitable[Result]) -> Result:
    """Wait for work, and cancel it if the client hangs up before it is done.

    Raises:
        RequestError: 499, which nobody reads, if it has hung up.
    """

    async def hang_up() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, hangup = asyncio.ensure_future(work), asyncio.ensure_future(hang_up())
    try:
        await asyncio.wait({task, hangup}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise RequestError(HUNG_UP, "the client has hung up")
        return task.result()
    finally:
        task.cancel()
        hangup.cancel()


def _json(content: Any) -> Any:
    """Return a response at once: FastAPI would validate and copy the content first."""
    from starlette.responses import JSONResponse

    return JSONResponse(content)


def _body(kind: type[AnyBody]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that the route reads by itself."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _add_schemas(app: Any) -> None:
    """Add the forms of bodies to the description that `/openapi.json` gives."""
    from pydantic.json_schema import models_json_schema

    describe: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> Mapping[str, Any]:
        described = describe()
        _, schemas = models_json_schema(
            [(kind, "validation") for kind in _BODIES], ref_template="#/components/schemas/{model}"
        )
        described.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
        return described

    app.openapi = openapi
