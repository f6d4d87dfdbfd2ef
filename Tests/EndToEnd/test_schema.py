"""openapi.yaml says what the server does: Schemathesis calls every operation with what it allows and with what it forbids."""

import copy
from collections import Counter, defaultdict

import pytest
import schemathesis
import yaml
from contract import Vendor, World
from harness import ROOT, figure, running
from hypothesis import strategies
from schemathesis.engine import from_schema

CONFIG = """
seed = 1
workers = 1
continue-on-failure = true
request-timeout = 60

[generation]
deterministic = true
max-examples = 4
no-shrink = true
database = "none"
# Tokens are tried by `ignored_auth`, and by RouteTableTests.
with-security-parameters = false

# What is asked next does not depend on what was answered.
[phases.fuzzing]
error-feedback = { enabled = false }
extra-data-sources = { responses = false }

[phases.stateful]
enabled = false

[checks]
# Some rules are between fields (`min_rerank` needs `rerank`) or rows (a provider that is there).
positive_data_acceptance = { enabled = false }
# The ids are real here, so that 404 will not do: see below.
unsupported_method = { enabled = false }
"""
# Operations that are called and cannot succeed here, with the reason.
UNREACHED = {"signInByLink": "commands of the operator's make the codes", "exportMerged": "writes a quarter of a gigabyte"}


@pytest.fixture(scope="module")
def document() -> dict:
    return yaml.safe_load((ROOT / "openapi.yaml").read_text())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    vendor = Vendor()
    try:
        # Jobs wait: none is run by this process.
        with running(tmp_path_factory.mktemp("schema"), ATELIER_WORKER_JOBS="0") as server:
            yield World(server, vendor)
    finally:
        vendor.close()


def operations(document: dict):
    """Path, method and operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def body_of(document: dict, operation: dict) -> dict:
    """The content of an operation's body by media type."""
    body = operation.get("requestBody", {})
    if "$ref" in body:
        body = operation["requestBody"] = copy.deepcopy(document["components"]["requestBodies"][body["$ref"].rsplit("/", 1)[1]])
    return body.get("content", {})


def with_examples(document: dict, world: World) -> dict:
    """The description, with requests that hold for this server's rows as examples."""
    document = copy.deepcopy(document)
    for _, _, operation in operations(document):
        if request := world.requests.get(operation["operationId"]):
            if request.body is not None:
                for media in body_of(document, operation).values():
                    media["example"] = request.body
            for parameter in operation.get("parameters", []):
                if parameter.get("name") in request.query:
                    parameter["example"] = request.query[parameter["name"]]
    return document


def undescribed(value, schemas: list[dict], document: dict, path: str = ""):
    """Fields of a reply that none of its schemas names."""
    names, items, is_open = defaultdict(list), [], False
    waiting = list(schemas)
    while waiting:
        schema = waiting.pop()
        if "$ref" in schema:
            waiting.append(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
        waiting += [part for key in ("allOf", "oneOf", "anyOf") for part in schema.get(key, [])]
        for name, part in schema.get("properties", {}).items():
            names[name].append(part)
        items += [schema["items"]] if "items" in schema else []
        # An object without any is somebody else's: a tool's arguments, a configuration's values.
        is_open |= bool(schema.get("additionalProperties")) or not schema.keys() & {"$ref", "properties", "allOf", "oneOf", "anyOf", "items"}
    if isinstance(value, dict):
        for name, part in value.items():
            if name in names:
                yield from undescribed(part, names[name], document, f"{path}.{name}")
            elif not is_open:
                yield f"{path}.{name}"
    elif isinstance(value, list) and items:
        for part in value:
            yield from undescribed(part, items, document, f"{path}[]")


@pytest.fixture
def hooked(world):
    """Schemathesis' hooks, which are global."""
    def before_call(context, case, kwargs):
        world.prepare(case, kwargs)

    def after_call(context, case, response):
        world.settle(case, response)

    for media in ("application/octet-stream", "application/x-tar", "application/zip"):
        schemathesis.openapi.media_type(media, strategies.binary(max_size=100))
    schemathesis.hook(before_call)
    schemathesis.hook(after_call)
    yield
    schemathesis.hooks.unregister(before_call)
    schemathesis.hooks.unregister(after_call)


def test_every_operation_does_what_is_described_and_nothing_else(document, world, hooked):
    schema = schemathesis.openapi.from_dict(with_examples(document, world), config=schemathesis.Config.from_str(CONFIG))
    schema.config.update(base_url=world.server.url)

    @schema.auth(refresh_interval=None)
    class Token:
        def get(self, case, context):
            return world.token_for(case.path)

        def set(self, case, data, context):
            case.headers["Authorization"] = f"Bearer {data}"

    statuses: dict[str, Counter] = defaultdict(Counter)
    failures: dict[tuple, str] = {}
    for event in from_schema(schema).execute():
        if hasattr(event, "info") and hasattr(event, "label"):
            failures[event.label, "the test itself"] = event.info.format()
        if not hasattr(event, "recorder"):
            continue
        for id_, interaction in event.recorder.interactions.items():
            case, response = event.recorder.cases[id_].value, interaction.response
            name = case.operation.definition.raw["operationId"]
            if response is None:
                failures[name, "no reply"] = interaction.request.uri
            elif case.method == case.operation.method.upper():
                statuses[name][response.status_code] += 1
                described = case.operation.definition.raw["responses"].get(str(response.status_code), {})
                if "$ref" in described:
                    described = document["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
                media = described.get("content", {}).get("application/json", {})
                if "schema" in media and response.headers["content-type"][0].startswith("application/json"):
                    for place in undescribed(response.json(), [media["schema"]], document):
                        failures[name, "undescribed", response.status_code, place] = response.text[:300]
            elif response.status_code != 405 or not response.headers.get("allow"):
                failures[name, "undeclared method", case.method] = f"{response.status_code} {response.headers} {response.text[:300]}"
            for check in event.recorder.checks.get(id_, []):
                if check.failure_info:
                    failure = check.failure_info.failure
                    failures.setdefault(
                        (name, check.name, response and response.status_code, str(getattr(failure, "schema_path", ""))),
                        f"{failure.title}\n{failure.message[:1000]}\n{check.failure_info.code_sample[:1000]}\n{response and response.text[:300]}")
    assert not failures, "\n\n".join(f"{key}: {text}" for key, text in sorted(failures.items(), key=str))

    known = {operation["operationId"] for _, _, operation in operations(document)}
    reached = {name for name in known if any(200 <= status < 400 for status in statuses[name])}
    figure(
        f"openapi.yaml: {sum(map(Counter.total, statuses.values()))} calls of {len(statuses)} operations; {len(reached)} of {len(known)}"
        f" ({len(reached) / len(known):.0%}) succeed")
    assert statuses.keys() == known
    assert known - reached == UNREACHED.keys()
    assert "request failed" not in world.server.log()


def test_what_a_kind_of_route_may_answer_is_described(document):
    for path, method, operation in operations(document):
        name, body = operation["operationId"], body_of(document, operation)
        is_gateway, is_public = path.startswith("/v1/"), operation.get("security") == []
        needed = {"500"}
        if not is_public:
            needed.add("401")
            if not is_gateway:
                needed |= {"404"} if "{" in path else set()
                needed |= {"403"} if method != "get" else set()
        if "application/json" in body:
            needed |= {"400", "413"} | (set() if is_gateway else {"422"})
        if any(parameter.get("$ref", "").endswith(("/limit", "/cursor")) for parameter in operation.get("parameters", [])):
            needed.add("422")
        assert needed <= operation["responses"].keys(), f"{name} lacks {needed - operation['responses'].keys()}"
