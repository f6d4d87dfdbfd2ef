"""What operators see: /metrics read by Prometheus' own parser, traces read by OpenTelemetry's own messages."""

import base64
import json
import math
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google.protobuf import json_format
from harness import BASE_MODEL, MODELS, command, eventually, events, running
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

KEY = "sk-live-4f9c2ab7d1e84c06b35a"
CHAT = "/v1/chat/completions"
ASK = "/api/users/{user_id}/minions/{minion_id}/ask"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET_QUESTION = "Which drawer holds the quicksilver?"


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """A real OpenAI-compatible server whose prices nobody knows."""
    process = subprocess.Popen(
        command("serving/serve.py", "--model", MODELS / BASE_MODEL / "model.gguf"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield json.loads(process.stdout.readline())["url"] + "/v1"
    finally:
        process.kill()
        process.communicate()


class Failing:
    """A vendor with status 500 for everything."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b'{"error": {"message": "no", "type": "server_error", "param": null, "code": null}}'
                self.send_response(500)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class Traffic:
    """A server of its own, so that every request it counts is one of these."""

    def __init__(self, server, llama: str, failing: Failing):
        self.server = server
        self.ann = server.account("ann.quicksilver")
        self.minion = self.ann.minion("Quicksilver Keeper", provider="custom", base_url=llama, pipeline={"use_draft": False, "use_passages": False})
        self.token = self.ann.token_of(self.minion)
        body = {"model": "Quicksilver Keeper", "messages": [{"role": "user", "content": SECRET_QUESTION}], "max_tokens": 8, "temperature": 0}
        self.usage = [self.chat(body)["usage"] for _ in range(2)]
        with server.http.stream("POST", CHAT, json=body | {"stream": True}, headers=self.headers) as response:
            assert b"[DONE]" in response.read()
        self.ann.ask(self.minion, SECRET_QUESTION, max_tokens=8)
        with server.http.stream("POST", f"{self.ann.base}/minions/{self.minion['id']}/ask", json={"question": SECRET_QUESTION, "max_tokens": 8, "stream": True}, headers=self.ann.headers) as response:
            assert [event for event in events(response, 60) if event.name == "done"]
        # Asked of a vendor that fails, and answered by this machine.
        self.hurt = self.ann.minion("Hurt", provider="custom", base_url=failing.url, fallbacks=[{"provider": "local", "model": BASE_MODEL}])
        assert self.ann.ask(self.hurt, SECRET_QUESTION, max_tokens=4)["provider"] == "local"
        # Refused, not found, and a method that no route has.
        assert server.http.post(CHAT, json=body).status_code == 401
        assert server.http.get("/nowhere/" + self.minion["id"]).status_code == 404
        assert server.http.request("PROPFIND", "/health").status_code in (404, 405)
        self.text = server.http.get("/metrics").text
        self.families = {family.name: family for family in text_string_to_metric_families(self.text)}

    @property
    def headers(self) -> dict:
        return {"Authorization": f"Bearer {self.token}"}

    def chat(self, body: dict) -> dict:
        response = self.server.http.post(CHAT, json=body, headers=self.headers)
        assert response.status_code == 200, response.text
        return response.json()

    def value(self, sample: str, **labels: str) -> float:
        """The one sample of that name with exactly these labels."""
        found = [s.value for family in self.families.values() for s in family.samples if s.name == sample and s.labels == labels]
        assert len(found) == 1, (sample, labels, found)
        return found[0]


@pytest.fixture(scope="module")
def traffic(tmp_path_factory, llama) -> Iterator[Traffic]:
    failing = Failing()
    with running(tmp_path_factory.mktemp("metrics")) as server:
        yield Traffic(server, llama, failing)
    failing.close()


MODEL = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "custom", "gen_ai_request_model": BASE_MODEL}


def test_the_parser_of_prometheus_reads_every_line(traffic):
    """And finds what the format promises: each metric described once, buckets that add up."""
    assert traffic.server.http.get("/metrics").headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    described = [line.split()[2] for line in traffic.text.splitlines() if line.startswith("# TYPE ")]
    assert len(described) == len(set(described)) > 15
    samples = [sample for family in traffic.families.values() for sample in family.samples]
    assert len(samples) == len([line for line in traffic.text.splitlines() if not line.startswith("#")])
    assert len({(s.name, *sorted(s.labels.items())) for s in samples}) == len(samples), "no sample twice"
    assert all(family.documentation and family.type in ("counter", "gauge", "histogram") for family in traffic.families.values())
    histograms = [family for family in traffic.families.values() if family.type == "histogram"]
    assert len(histograms) == 4
    for family in histograms:
        series: dict[tuple, list] = {}
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
                series.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
        assert series
        for labels, buckets in series.items():
            assert buckets == sorted(buckets) and buckets[-1][0] == math.inf
            assert [count for _, count in buckets] == sorted(count for _, count in buckets)
            assert buckets[-1][1] == traffic.value(family.name + "_count", **dict(labels))


def test_every_upstream_call_is_in_the_histograms_of_its_model(traffic):
    # Two whole replies and a stream from /v1, one of each from /ask.
    for name in ("gen_ai_client_operation_duration_seconds_count", "gen_ai_server_time_to_first_token_seconds_count"):
        assert traffic.value(name, **MODEL) == 5
    for kind, field in (("input", "prompt_tokens"), ("output", "completion_tokens")):
        assert traffic.value("gen_ai_client_token_usage_count", **MODEL, gen_ai_token_type=kind) == 5
        assert traffic.value("gen_ai_client_token_usage_sum", **MODEL, gen_ai_token_type=kind) >= sum(usage[field] for usage in traffic.usage) > 0
    assert traffic.value("gen_ai_client_operation_duration_seconds_sum", **MODEL) > traffic.value("gen_ai_server_time_to_first_token_seconds_sum", **MODEL) > 0


def test_the_gateways_own_time_is_measured_where_a_model_answers(traffic):
    assert traffic.value("atelier_gateway_overhead_seconds_count", route=CHAT) == 3
    assert traffic.value("atelier_gateway_overhead_seconds_count", route=ASK) == 3
    # The upstream's own time is not in it.
    calls = traffic.value("gen_ai_client_operation_duration_seconds_sum", **MODEL)
    assert 0 < traffic.value("atelier_gateway_overhead_seconds_sum", route=CHAT) < calls
    routes = {sample.labels["route"] for sample in traffic.families["atelier_gateway_overhead_seconds"].samples}
    assert routes == {CHAT, ASK}


def test_retries_fallbacks_and_failures_are_counted(traffic):
    failures = traffic.value("atelier_router_attempts_total", provider="custom", outcome="server_error")
    assert failures > 1
    assert traffic.value("atelier_router_retries_total", provider="custom") == failures - 1
    assert traffic.value("atelier_router_fallbacks_total", provider="local") == 1
    assert traffic.value("atelier_router_attempts_total", provider="custom", outcome="ok") == 5
    assert traffic.value("atelier_router_attempts_total", provider="local", outcome="ok") == 1


def test_trap_2_an_unknown_price_is_counted(traffic):
    """The custom endpoint's prices are unknown; the local model is known to cost nothing."""
    assert traffic.value("atelier_price_missing_total", provider="custom") == 5
    assert len(traffic.families["atelier_price_missing"].samples) == 1
    records = [record for record in traffic.ann.get("usage")["items"] if record.get("output_tokens")]
    assert [record.get("cost") for record in records if record["provider"] == "custom"] == [None] * 5
    assert [record["cost"] for record in records if record["provider"] == "local"] == [0]


def test_requests_are_counted_by_route_and_never_by_path(traffic):
    def requests(method: str, route: str, status: str) -> float:
        return traffic.value("atelier_http_requests_total", method=method, route=route, status=status)

    assert (requests("POST", CHAT, "200"), requests("POST", CHAT, "401"), requests("POST", ASK, "200")) == (3, 1, 3)
    assert requests("POST", "/api/users/{user_id}/minions", "201") == 2
    assert requests("GET", "unmatched", "404") == 1
    assert [s.value for s in traffic.families["atelier_http_requests"].samples if s.labels["method"] == "other"] == [1]
    # The scrape itself is under way while it is answered.
    assert traffic.value("atelier_http_requests_in_flight") == 1


def test_the_process_and_its_jobs_are_described(traffic):
    assert traffic.value("process_resident_memory_bytes") > 10 << 20
    assert traffic.value("process_open_fds") > 5 and traffic.value("process_cpu_seconds_total") > 0
    assert traffic.value("atelier_uptime_seconds") > 0
    jobs = {sample.labels["status"]: sample.value for sample in traffic.families["atelier_jobs"].samples}
    assert jobs == dict.fromkeys(("PENDING", "QUEUED", "RUNNING", "COMPLETED", "FAILED", "STOPPED"), 0)
    assert [sample.labels.keys() for sample in traffic.families["atelier_build_info"].samples] == [{"version"}]


def test_no_label_tells_who(traffic):
    """After all that traffic: no id, name, address, token or key, and no labels but these."""
    secrets = [
        traffic.ann.id, traffic.ann.email, "quicksilver", traffic.ann.token, traffic.token, traffic.minion["id"], traffic.hurt["id"],
        traffic.token.removeprefix("minion_")[:8], "127.0.0.1",
    ]
    assert [secret for secret in secrets if secret.lower() in traffic.text.lower()] == []
    labels = {name for family in traffic.families.values() for sample in family.samples for name in sample.labels}
    assert labels <= {
        "le", "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type", "error_type", "provider", "outcome",
        "state", "what", "result", "method", "route", "status", "version",
    }


def test_cache_embeddings_and_circuits_are_counted(tmp_path, llama):
    failing = Failing()
    with running(tmp_path) as server:
        ann = server.account("ann")
        minion = ann.minion("Keeper", provider="custom", base_url=llama, pipeline={"use_draft": False, "use_passages": False, "cache": "always"})
        headers = {"Authorization": f"Bearer {ann.token_of(minion)}"}
        body = {"model": "Keeper", "messages": [{"role": "user", "content": SECRET_QUESTION}], "max_tokens": 4}
        replies = [server.http.post(CHAT, json=body, headers=headers).json() for _ in range(3)]
        assert len({reply["choices"][0]["message"]["content"] for reply in replies}) == 1
        embedder = server.http.get("/v1/models", headers=headers).json()["data"][-1]["id"]
        assert server.http.post("/v1/embeddings", json={"model": embedder, "input": ["soup"]}, headers=headers).status_code == 200
        hurt = ann.minion("Hurt", provider="custom", base_url=failing.url)
        assert ann.request("POST", f"minions/{hurt['id']}/ask", json={"question": "?"}).status_code == 502
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(server.http.get("/metrics").text) for sample in family.samples}
    failing.close()
    assert samples["atelier_cache_lookups_total", "hit"] == 2 and samples["atelier_cache_lookups_total", "miss"] == 1
    # A hit calls nobody, and is all the gateway's own time.
    assert samples["atelier_router_attempts_total", "custom", "ok"] == 1
    assert samples["atelier_gateway_overhead_seconds_count", CHAT] == 3
    assert samples["gen_ai_client_operation_duration_seconds_count", "embeddings", "local", embedder] == 1
    circuits = {key[1:]: value for key, value in samples.items() if key[0] == "atelier_router_circuit_state"}
    assert circuits and {provider for provider, _ in circuits} == {"custom"} and sum(circuits.values()) >= 1


# --- traces ----------------------------------------------------------------------


class Collector:
    """An OpenTelemetry collector that keeps what it is sent."""

    def __init__(self):
        collector = self
        self.bodies: list[bytes] = []
        self.paths: set[tuple[str, str]] = set()
        self.status = 200

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                collector.paths.add((self.path, self.headers["Content-Type"]))
                if collector.status == 200:
                    collector.bodies.append(body)
                self.send_response(collector.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def spans(self) -> list:
        return [span for body in list(self.bodies) for resource in parsed(body).resource_spans for scope in resource.scope_spans for span in scope.spans]

    def trace(self, trace_id: str) -> list:
        return [span for span in self.spans() if span.trace_id.hex() == trace_id]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def parsed(body: bytes) -> ExportTraceServiceRequest:
    """Through OpenTelemetry's own message, which knows every field there is. Its JSON has ids in
    hexadecimal where protobuf's own JSON has base64."""
    request = json.loads(body)
    for span in request["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for field, size in (("traceId", 16), ("spanId", 8), ("parentSpanId", 8)):
            if field in span:
                raw = bytes.fromhex(span[field])
                assert len(raw) == size
                span[field] = base64.b64encode(raw).decode()
    return json_format.ParseDict(request, ExportTraceServiceRequest())


def attributes(span) -> dict:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def traced(tmp_path_factory, collector, llama):
    with running(tmp_path_factory.mktemp("traces"), ATELIER_OTLP_ENDPOINT=collector.url) as server:
        ann = server.account("ann.quicksilver")
        minion = ann.minion("Quicksilver Keeper", provider="custom", base_url=llama, pipeline={"use_draft": False})
        yield server, ann, minion, ann.token_of(minion)


def test_a_request_is_a_span_in_its_callers_trace_with_its_stages_and_calls(collector, traced):
    server, ann, minion, token = traced
    body = {"model": minion["name"], "messages": [{"role": "user", "content": SECRET_QUESTION}], "max_tokens": 6, "temperature": 0}
    headers = {"Authorization": f"Bearer {token}", "traceparent": f"00-{TRACE}-{CALLER}-01"}
    reply = server.http.post(CHAT, json=body, headers=headers).json()
    spans = eventually(lambda: collector.trace(TRACE), 20, "the trace arrives")
    assert collector.paths == {("/v1/traces", "application/json")}
    root, = [span for span in spans if span.parent_span_id.hex() == CALLER]
    assert root.name == f"chat {BASE_MODEL}" and root.kind == root.SPAN_KIND_SERVER
    assert attributes(root) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "custom", "gen_ai.request.model": BASE_MODEL,
        "gen_ai.response.model": attributes(root)["gen_ai.response.model"], "http.request.method": "POST", "http.route": CHAT,
        "http.response.status_code": 200, "gen_ai.usage.input_tokens": reply["usage"]["prompt_tokens"],
        "gen_ai.usage.output_tokens": reply["usage"]["completion_tokens"],
    }
    stages = {span.name: span for span in spans if span.kind == span.SPAN_KIND_INTERNAL}
    assert set(stages) == {"compose", "answer"} and all(stage.parent_span_id == root.span_id for stage in stages.values())
    call, = [span for span in spans if span.kind == span.SPAN_KIND_CLIENT]
    assert call.parent_span_id == stages["answer"].span_id and call.name == f"chat {BASE_MODEL}"
    assert attributes(call)["gen_ai.usage.output_tokens"] == reply["usage"]["completion_tokens"]
    for child in (*stages.values(), call):
        # A millisecond, because wall clock and steady clock are read one after the other.
        assert root.start_time_unix_nano - 1_000_000 <= child.start_time_unix_nano <= child.end_time_unix_nano <= root.end_time_unix_nano + 1_000_000
    assert {span.status.code for span in spans} == {0}
    resource = parsed(collector.bodies[0]).resource_spans[0].resource
    assert {pair.key for pair in resource.attributes} == {"service.name", "service.version"}


def test_a_stream_is_traced_too_and_a_caller_that_does_not_sample_is_not(collector, traced):
    server, ann, minion, token = traced
    unsampled, streamed = "1" * 32, "2" * 32
    for trace, flag, stream in ((unsampled, "00", False), (streamed, "01", True)):
        body = {"model": minion["name"], "messages": [{"role": "user", "content": SECRET_QUESTION}], "max_tokens": 6, "stream": stream}
        server.http.post(CHAT, json=body, headers={"Authorization": f"Bearer {token}", "traceparent": f"00-{trace}-{CALLER}-{flag}"}).read()
    spans = eventually(lambda: collector.trace(streamed), 20, "the stream's trace arrives")
    assert len(spans) == 4
    assert collector.trace(unsampled) == []


def test_a_failed_call_is_an_error_without_the_vendors_words(collector, traced):
    server, ann, _, _ = traced
    failing = Failing()
    minion = ann.minion("Hurt", provider="custom", base_url=failing.url)
    trace = "3" * 32
    reply = ann.request("POST", f"minions/{minion['id']}/ask", json={"question": SECRET_QUESTION}, headers={"traceparent": f"00-{trace}-{CALLER}-01"})
    failing.close()
    assert reply.status_code == 502
    spans = eventually(lambda: collector.trace(trace), 20, "the trace arrives")
    root, = [span for span in spans if span.kind == span.SPAN_KIND_SERVER]
    calls = [span for span in spans if span.kind == span.SPAN_KIND_CLIENT]
    assert len(calls) > 1 and all(attributes(call)["http.response.status_code"] == 500 for call in calls)
    assert all(attributes(span)["error.type"] == "server_error" and span.status.code == span.status.STATUS_CODE_ERROR for span in (root, *calls))


def test_no_span_tells_who_or_what(collector, traced):
    """After the tests above: no question, id, name, token or address in anything that was sent."""
    server, ann, minion, token = traced
    sent = b"\n".join(collector.bodies).decode().lower()
    assert len(sent) > 1000
    for secret in ("quicksilver", "drawer", ann.id, minion["id"], ann.email, token[:15], ann.token[:15], "127.0.0.1", "hurt"):
        assert secret.lower() not in sent


def test_a_collector_that_refuses_is_counted_and_holds_nobody_up(collector, traced):
    server, ann, minion, _ = traced

    def counted(name: str) -> float:
        families = text_string_to_metric_families(server.http.get("/metrics").text)
        return next(sample.value for family in families for sample in family.samples if sample.name == name)

    # They are counted when the collector has answered.
    eventually(lambda: 0 < counted("atelier_spans_exported_total") == len(collector.spans()), 60, "all spans were counted")
    exported = counted("atelier_spans_exported_total")
    assert counted("atelier_spans_dropped_total") == 0
    collector.status = 400
    assert ann.ask(minion, SECRET_QUESTION, max_tokens=4)["answer"]
    eventually(lambda: counted("atelier_spans_dropped_total") >= 3, 60, "the spans are given up")
    assert counted("atelier_spans_exported_total") == exported
    collector.status = 200
    assert "does not take spans" in server.log()


def test_what_is_left_is_sent_when_the_server_ends(tmp_path, llama):
    collector = Collector()
    with running(tmp_path, ATELIER_OTLP_ENDPOINT=collector.url) as server:
        ann = server.account("ann")
        minion = ann.minion("Keeper", provider="custom", base_url=llama)
        assert ann.ask(minion, SECRET_QUESTION, max_tokens=2)["answer"]
    assert len(collector.spans()) >= 3
    collector.close()


def test_an_unusable_endpoint_stops_the_start(tmp_path):
    from harness import BINARY
    for address in ("localhost:4318", "ftp://localhost", f"http://user:{KEY}@localhost:4318"):
        done = subprocess.run(
            [BINARY, "serve", "--port", "0", "--data-dir", tmp_path / "data"], env={"ATELIER_OTLP_ENDPOINT": address, "PATH": "/usr/bin"}, cwd=tmp_path,
            capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and "ATELIER_OTLP_ENDPOINT" in done.stderr and KEY not in done.stderr
