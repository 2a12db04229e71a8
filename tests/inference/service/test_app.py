"""The service over real connections: its protocols, its limits, and clients that misbehave."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service was not tested: fastapi (the extra serve) is not installed")

from conflict_ner.inference.service.limits import Settings
from helpers.service import Client, StubTagger, running, wait_until

TEXT = "\U0001f4a3 hit Goma, not Sanaa."
FOUND = ["\U0001f4a3", "Goma", "Sanaa"]


@pytest.fixture(scope="module")
def tagger() -> StubTagger:
    return StubTagger()


@pytest.fixture(scope="module")
def client(tagger: StubTagger) -> Iterator[Client]:
    with running(tagger, Settings(max_characters=10_000, max_body=100_000, max_waiting=40)) as client:
        yield client


def slices(text: str, entities: list[dict[str, Any]]) -> list[str]:
    return [text[entity["start"] : entity["end"]] for entity in entities]


def test_one_text_or_many(client: Client) -> None:
    one = client.post("/tag", {"text": TEXT}).json
    assert (one["model"], one["version"]) == ("stub", "0123456789ab")
    assert one["entities"][1] == {"label": "LOCATION", "text": "Goma", "start": 6, "end": 10, "score": 0.875}
    assert slices(TEXT, one["entities"]) == [entity["text"] for entity in one["entities"]] == FOUND
    many = client.post("/tag", {"texts": [TEXT, "", "Nothing."]}).json
    assert [len(report["entities"]) for report in many["reports"]] == [3, 0, 0]
    assert client.post("/tag", {"texts": []}).json["reports"] == []


def test_the_client_of_hugging_face_reads_the_answers(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants
    from huggingface_hub import InferenceClient

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)  # of the hub, not of loopback
    remote = InferenceClient(base_url=client.url, token="unused")
    found = remote.token_classification(TEXT, aggregation_strategy="simple")
    assert [(each.entity_group, each.word, TEXT[each.start : each.end], each.score) for each in found] == [
        ("LOCATION", word, word, 0.875) for word in FOUND
    ]
    assert remote.token_classification(TEXT, ignore_labels=["LOCATION"]) == []
    with pytest.raises(Exception, match="asks for tokens; this service has entities"):
        remote.token_classification(TEXT, aggregation_strategy="none")
    assert [len(each) for each in client.post("/", {"inputs": [TEXT, ""], "options": {"use_cache": False}}).json] == [
        3,
        0,
    ]


def test_open_inference(client: Client) -> None:
    assert client.get("/v2").json["name"] == "conflict-ner"
    assert client.get("/v2/health/live").json == {"live": True}
    assert client.get("/v2/health/ready").status == 200
    model = client.get("/v2/models/stub").json
    assert model["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert client.get(f"/v2/models/stub/versions/{model['versions'][0]}/ready").json == {"name": "stub", "ready": True}
    tensor = {"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": [[TEXT], ["Nothing."]]}
    answer = client.post("/v2/models/stub/infer", {"id": "42", "inputs": [tensor], "outputs": [{"name": "entities"}]})
    assert (answer.json["model_name"], answer.json["id"]) == ("stub", "42")
    [output] = answer.json["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("entities", "BYTES", [2, 1])
    assert [slices(TEXT, json.loads(entities)) for entities in output["data"]] == [FOUND, []]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": []}, "one tensor"),
        ({"datatype": "FP32"}, "datatype is BYTES"),
        ({"data": [1]}, "must hold strings"),
        ({"shape": [2]}, "inputs.0.shape is not that of the 1 texts in inputs.0.data"),
        ({"shape": [-1]}, "inputs.0.shape is not that of"),
        ({"shape": [10**4000, 10**4000]}, "inputs.0.shape is not that of"),
        ({"outputs": [{"name": "tokens"}]}, "the only output is entities"),
    ],
)
def test_other_tensors_are_refused(client: Client, change: dict[str, Any], message: str) -> None:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]} | change
    answer = client.post("/v2/models/stub/infer", {"inputs": [tensor]} | change)
    assert (answer.status, message in answer.error) == (422, True)


def test_other_models_and_binary_tensors_are_refused(client: Client) -> None:
    for path in ("models/other", "models/other/ready", "models/stub/versions/7", "models/stub/versions/7/ready"):
        assert (
            "the model is stub" in client.get(f"/v2/{path}").error
            or "the version is" in client.get(f"/v2/{path}").error
        )
    assert client.post("/v2/models/other/infer", {}).status == 404
    answer = client.post("/v2/models/stub/infer", {}, Inference_Header_Content_Length="2")
    assert (answer.status, "binary" in answer.error) == (400, True)


def test_label_studio(client: Client) -> None:
    config = '<View><Labels name="ner" toName="report"><Label value="LOCATION"/></Labels>'
    config += '<Text name="report" value="$body"/></View>'
    project = {"project": "3.1", "schema": config, "hostname": "http://x", "access_token": "y", "extra_params": None}
    assert client.get("/health").json["status"] == "UP"
    assert client.post("/setup", project).json == {"model_version": "0123456789ab"}
    tasks = [{"id": 7, "data": {"body": TEXT}, "annotations": []}, {"id": 8, "data": {"body": ""}}]
    answer = client.post("/predict", {"tasks": tasks, "project": "3.1", "label_config": config, "params": {}}).json
    first, second = answer["results"]
    assert second["result"] == []
    region = first["result"][1]
    assert (region["from_name"], region["to_name"], region["type"]) == ("ner", "report", "labels")
    assert region["value"] == {"start": 6, "end": 10, "text": "Goma", "labels": ["LOCATION"]}
    assert (first["score"], first["model_version"]) == (0.875, "0123456789ab")
    assert client.post("/setup", {"schema": "<View"}).status == 422


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "the body is not JSON in UTF-8: EOF"),
        (b"{text}", 400, "not JSON in UTF-8: key must be a string at line 1 column 2"),
        (b'{"text": "\xff\xfe Goma"}', 400, "not JSON in UTF-8: invalid unicode code point"),
        (b'{"text": "\\ud83d Goma"}', 400, "not JSON in UTF-8: "),  # half of a surrogate pair
        ('{"text": "Goma"}'.encode("utf-16"), 400, "not JSON in UTF-8"),
        (b"[" * 100_000, 400, "recursion limit"),
        (b'["Goma"]', 422, "Input should be an object"),
        (b"{}", 422, 'give either "text", a string, or "texts", a list of strings'),
        (b'{"text": "Goma", "texts": []}', 422, 'give either "text"'),
        (b'{"text": 5}', 422, "text: Input should be a valid string"),
        (b'{"texts": ["Goma", null]}', 422, "texts.1: Input should be a valid string"),
        (b'{"texts": [1,2,3,4,5,6,7]}', 422, "texts.4: Input should be a valid string; and 2 more"),
        (b'{"text": "Goma", "treshold": 1}', 422, "treshold: Extra inputs are not permitted"),
        (json.dumps({"texts": ["Goma", "x" * 10_001]}).encode(), 422, "text number 1 has 10,001 characters"),
        (json.dumps({"texts": ["x"] * 41}).encode(), 422, "at most 40 texts, not 41"),
        (b'{"text": "' + b"x" * 100_000 + b'"}', 413, "higher --max-body"),
    ],
)
def test_a_wrong_body_is_explained_and_not_quoted(client: Client, body: bytes, status: int, message: str) -> None:
    answer = client.send("POST", "/tag", body)
    assert (answer.status, message in answer.error) == (status, True), answer.error
    assert "Goma" not in answer.error


def test_a_byte_order_mark_is_no_fault(client: Client) -> None:
    assert len(client.send("POST", "/tag", b'\xef\xbb\xbf{"text": "Goma"}').json["entities"]) == 1


def test_ten_megabytes_are_refused_and_the_client_reads_why(client: Client) -> None:
    # Much more than a connection buffers: a server that closed it at once would be a reset to the client.
    answer = client.post("/tag", {"text": "x" * 10_000_000})
    assert (answer.status, "more than 100,000 bytes" in answer.error) == (413, True)
    assert answer.headers["connection"] == "close"


def test_what_is_not_there_is_an_error_in_json(client: Client) -> None:
    nothing, wrong_method = client.get("/nothing"), client.get("/tag")
    assert (nothing.status, "GET /openapi.json lists" in nothing.error) == (404, True)
    assert (wrong_method.status, "does not take GET" in wrong_method.error) == (405, True)


def test_pages_of_other_sites_are_refused(client: Client) -> None:
    assert client.post("/tag", {"text": TEXT}, Sec_Fetch_Site="cross-site").status == 403
    assert client.post("/tag", {"text": TEXT}, Sec_Fetch_Site="same-origin").status == 200
    assert client.get("/", Sec_Fetch_Site="cross-site").status == 200  # a link to the page


def test_the_description_names_the_forms_of_bodies(client: Client) -> None:
    described = client.get("/openapi.json").json
    for path, kind in (("/tag", "TagRequest"), ("/", "InferenceRequest"), ("/predict", "PredictRequest")):
        schema = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": f"#/components/schemas/{kind}"}
        assert kind in described["components"]["schemas"]
    assert client.get("/docs").status == 404  # it would load scripts from another site


def test_figures_for_prometheus(client: Client) -> None:
    line = 'conflict_ner_requests_total{path="/tag",status="200"}'
    before, texts = client.metric(line), client.metric("conflict_ner_texts_total")
    client.post("/tag", {"texts": [TEXT, "Goma"]})
    assert client.metric(line) == before + 1
    assert client.metric("conflict_ner_texts_total") == texts + 2
    assert client.metric('conflict_ner_entities_total{label="LOCATION"}') >= 4
    assert client.metric("conflict_ner_waiting_texts") == 0
    client.get("/secret-report-name")
    assert b"secret-report-name" not in client.get("/metrics").body


def test_a_key_from_a_file_may_end_with_a_line_break() -> None:
    with running(StubTagger(), Settings(api_key="secret\n")) as client:
        assert client.post("/tag", {"text": TEXT}, Authorization="Bearer secret").status == 200


def test_with_a_key_only_probes_are_open() -> None:
    with running(StubTagger(), Settings(api_key="s\u00e9same")) as client:
        key, password = "s\u00e9same".encode(), base64.b64encode("label-studio:s\u00e9same".encode())
        for path in ("/", "/metrics", "/v2", "/openapi.json"):
            answer = client.get(path)
            assert (answer.status, answer.headers["www-authenticate"][:5]) == (401, "Basic")
            assert "send the API key" in answer.error
        assert client.post("/tag", {"text": TEXT}, Authorization="Bearer sesame").status == 401
        assert client.post("/tag", {"text": TEXT}, Authorization="Basic %%%").status == 401
        assert client.post("/tag", {"text": TEXT}, Authorization="Token " + key.decode("latin-1")).status == 401
        assert client.post("/tag", {"text": TEXT}, Authorization="Bearer " + key.decode("latin-1")).status == 200
        assert client.post("/tag", {"text": TEXT}, Authorization="Basic " + password.decode()).status == 200
        assert client.get("/v2/health/ready").status == client.get("/health").status == 200


def test_a_full_queue_is_429_and_what_was_accepted_is_answered() -> None:
    tagger = StubTagger()
    with running(tagger, Settings(max_waiting=3, batch_texts=1)) as client, ThreadPoolExecutor(4) as pool:
        tagger.free.clear()
        computed = pool.submit(client.post, "/tag", {"text": "Goma"})
        wait_until(lambda: tagger.batches)
        waiting = pool.submit(client.post, "/tag", {"texts": ["Goma", "Sanaa"]})
        wait_until(lambda: client.metric("conflict_ner_waiting_texts") == 2)
        answer = client.post("/tag", {"texts": ["a", "b"]})
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert "2 texts wait for the model already; try again" in answer.error
        tagger.free.set()
        assert (computed.result().status, waiting.result().status) == (200, 200)
        assert tagger.batches == [["Goma"], ["Goma"], ["Sanaa"]]


def test_too_many_requests_at_a_time_are_429() -> None:
    tagger = StubTagger()
    with running(tagger, Settings(max_waiting=2, batch_texts=1)) as client, ThreadPoolExecutor(4) as pool:
        tagger.free.clear()
        accepted = [pool.submit(client.post, "/tag", {"text": "Goma"}) for _ in range(2)]
        wait_until(lambda: tagger.batches)
        wait_until(lambda: client.get("/metrics").status == 429)
        assert "requests are in progress already" in client.get("/metrics").error
        tagger.free.set()
        assert [each.result().status for each in accepted] == [200, 200]


def test_what_takes_too_long_is_503_and_costs_no_more() -> None:
    tagger = StubTagger()
    with running(tagger, Settings(seconds=0.3, batch_texts=1)) as client, ThreadPoolExecutor(2) as pool:
        tagger.free.clear()
        answers = [pool.submit(client.post, "/tag", {"text": text}) for text in ("Goma", "Sanaa")]
        for answer in answers:
            assert answer.result().status == 503
            assert "not answered within 0.3 seconds" in answer.result().error
        tagger.free.set()
        assert client.post("/tag", {"text": "El Fasher"}).status == 200
        assert len(tagger.batches) == 2  # the text that waited was dropped


def test_the_text_of_a_client_that_hung_up_is_dropped() -> None:
    tagger = StubTagger()
    with running(tagger, Settings(batch_texts=1)) as client, ThreadPoolExecutor(1) as pool:
        tagger.free.clear()
        first = pool.submit(client.post, "/tag", {"text": "Goma"})
        wait_until(lambda: tagger.batches)
        for body in (b'{"text": "Sanaa"}', b'{"text": '):  # one whole, one not
            with socket.create_connection(("127.0.0.1", client.port)) as hasty:
                hasty.sendall(b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n" + body)
                if body.endswith(b"}"):
                    wait_until(lambda: client.metric("conflict_ner_waiting_texts") == 1)
        wait_until(lambda: client.metric('conflict_ner_requests_total{path="/tag",status="499"}') == 2)
        tagger.free.set()
        assert first.result().status == 200
        assert client.post("/tag", {"text": "El Fasher"}).status == 200
        assert tagger.batches == [["Goma"], ["El Fasher"]]


def test_an_error_of_ours_quotes_no_text_and_the_service_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    tagger = StubTagger()
    with running(tagger) as client:
        answer = client.post("/tag", {"texts": ["SECRET FAIL", "Goma"]})
        assert (answer.status, answer.error) == (500, "the service failed; its log names the place in the code")
        assert client.post("/tag", {"text": "SECRET Goma"}).status == 200
        client.get("/tag?text=SECRET")
    printed = "".join(capfd.readouterr())
    assert "error: RuntimeError in " in printed
    assert "SECRET" not in printed


def test_a_stop_answers_what_was_accepted() -> None:
    tagger = StubTagger()
    tagger.free.clear()
    with ThreadPoolExecutor(3) as pool:
        with running(tagger, Settings(batch_texts=1)) as client:
            accepted = [pool.submit(client.post, "/tag", {"text": "Goma"}) for _ in range(3)]
            wait_until(lambda: client.metric("conflict_ner_waiting_texts") == 2)
            threading.Timer(0.1, tagger.free.set).start()
        assert [each.result().status for each in accepted] == [200, 200, 200]
    with pytest.raises(ConnectionRefusedError):
        client.get("/health")


def test_requests_share_batches_and_one_thread_has_the_tagger() -> None:
    tagger = StubTagger()
    with running(tagger, Settings()) as client, ThreadPoolExecutor(16) as pool:
        texts = [f"{number} Goma {number}" for number in range(64)]
        answers = list(pool.map(lambda text: client.post("/tag", {"text": text}).json, texts))
    for text, answer in zip(texts, answers, strict=True):
        assert slices(text, answer["entities"]) == ["Goma"]
    assert len(tagger.threads) == 1
    assert len(tagger.batches) < 64
