"""What a failing vendor does to the client, to the bill and to the circuit; then a thousand failures at once."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx2 as httpx
import pytest
from faulty_upstream import TEXT, FaultyUpstream
from harness import Account, Server, eventually, figure, ok, refused, running

# Seconds; far more than a call on this machine takes, far less than anybody wants to wait in a test.
FIRST_TOKEN, TOTAL = 3, 6

#: what a model's first words are when the reply breaks after them
PARTIAL = "Hello, "


@dataclass(frozen=True)
class End:
    """How every call with a fault ends."""

    kind: str
    #: calls upstream: three where nothing had reached the client, two where the vendor limits the rate, one where something had
    calls: int
    #: `nothing`, `estimate` or `counted`
    billed: str


@dataclass(frozen=True)
class Fault:
    name: str
    #: the status of a whole reply's error
    status: int
    streamed: End | None
    whole: End | None
    provider: str = "custom"

    @property
    def id(self) -> str:
        return f"{self.name}-{self.provider}"

    def end(self, stream: bool) -> End | None:
        return self.streamed if stream else self.whole


def both(name: str, status: int, kind: str, billed: str = "nothing", provider: str = "custom", calls: int = 3) -> Fault:
    return Fault(name, status, End(kind, calls, billed), End(kind, calls, billed), provider)


FAULTS = [
    both("429-after", 429, "rate_limited", calls=2),
    both("429", 429, "rate_limited", calls=2),
    both("500", 502, "server_error"),
    both("503", 502, "overloaded"),
    both("stall-before", 504, "timeout", "estimate"),
    both("reset-before", 502, "connection"),
    Fault("error-mid", 502, End("overloaded", 3, "estimate"), None),
    Fault("error-late", 502, End("overloaded", 1, "estimate"), None),
    Fault("stall-late", 504, End("timeout", 1, "estimate"), End("timeout", 3, "estimate")),
    Fault("reset-late", 502, End("cut_stream", 1, "estimate"), End("cut_stream", 3, "estimate")),
    Fault("cut", 502, End("cut_stream", 1, "estimate"), End("malformed_reply", 3, "nothing")),
    Fault("malformed", 502, End("malformed_reply", 3, "estimate"), End("malformed_reply", 3, "nothing")),
    Fault("html", 502, End("cut_stream", 3, "estimate"), End("malformed_reply", 3, "nothing")),
    both("headers", 502, "connection"),
    both("529", 502, "overloaded", provider="anthropic"),
    Fault("529-mid", 502, End("overloaded", 3, "counted"), None, "anthropic"),
    Fault("529-late", 502, End("overloaded", 1, "estimate"), None, "anthropic"),
    Fault("cut", 502, End("cut_stream", 1, "estimate"), End("malformed_reply", 3, "nothing"), "anthropic"),
    both("429-after", 429, "rate_limited", provider="anthropic", calls=2),
    both("503", 502, "overloaded", provider="ollama"),
    # A bare sentence, which does not say of what kind it is.
    Fault("error-late", 502, End("server_error", 1, "estimate"), None, "ollama"),
    Fault("cut", 502, End("cut_stream", 1, "estimate"), End("cut_stream", 3, "estimate"), "ollama"),
]

SUFFIX = {"custom": "/v1", "openai": "/v1", "anthropic": "", "ollama": ""}


@dataclass
class Seen:
    """What a client saw of one answer."""

    status: int
    text: str = ""
    #: the error's code
    error: str | None = None
    message: str = ""
    #: whether the reply said that it is whole
    finished: bool = False
    retry_after: int | None = None


def client_for(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=60, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass
class Case:
    """One minion of its own, asked in one of four ways."""

    fault: Fault
    surface: str
    stream: bool
    account: Account
    upstream: FaultyUpstream
    minion: dict = field(default_factory=dict)
    token: str = ""
    seen: list[Seen] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"{self.fault.id}-{self.surface}-{'s' if self.stream else 'w'}"

    @property
    def end(self) -> End:
        return self.fault.end(self.stream)

    def prepare(self) -> "Case":
        self.minion = self.account.minion(
            self.place, provider=self.fault.provider, model_id="m-1", base_url=self.upstream.url(self.place, SUFFIX[self.fault.provider]))
        self.token = self.account.token_of(self.minion)
        return self

    def play(self) -> "Case":
        """Ask; where the fault opens circuits, until it is open and once more."""
        self.seen.append(self.ask(f"[[{self.fault.name}]]"))
        while len(self.upstream.seen(self.place)) < 5:
            self.seen.append(self.ask(f"[[{self.fault.name}]]"))
        self.seen.append(self.ask("[[ok]]"))
        return self

    def ask(self, question: str) -> Seen:
        if self.surface == "v1":
            url = "/v1/chat/completions"
            body = {"model": self.place, "messages": [{"role": "user", "content": question}], "stream": self.stream}
        else:
            url, body = f"{self.account.base}/minions/{self.minion['id']}/ask", {"question": question, "stream": self.stream}
        with client_for(self.account.server) as http:
            with http.stream("POST", url, json=body, headers={"Authorization": f"Bearer {self.token}"}) as response:
                if response.headers["content-type"].startswith("text/event-stream"):
                    return read_stream(response)
                response.read()
                return read_whole(response)

    def records(self) -> list[dict]:
        return records(self.account, self.minion["id"])


def read_whole(response: httpx.Response) -> Seen:
    body = response.json()
    if not response.is_success:
        after = response.headers.get("retry-after")
        return Seen(response.status_code, error=body["error"]["code"], message=body["error"]["message"], retry_after=int(after) if after else None)
    text = body["answer"] if "answer" in body else body["choices"][0]["message"]["content"]
    return Seen(response.status_code, text, finished=True)


def read_stream(response: httpx.Response) -> Seen:
    seen, name = Seen(response.status_code), "message"
    for line in response.iter_lines():
        kind, _, value = line.partition(": ")
        if kind == "event":
            name = value
        elif kind == "data" and value == "[DONE]":
            seen.finished = True
        elif kind == "data":
            data = json.loads(value)
            if "error" in data:
                seen.error, seen.message = data["error"]["code"], data["error"]["message"]
            elif name == "text":
                seen.text += data["text"]
            elif name == "done":
                seen.finished = True
            elif "choices" in data and data["choices"]:
                seen.text += data["choices"][0]["delta"].get("content") or ""
        elif not line:
            name = "message"
    return seen


def records(account: Account, minion: str | None = None) -> list[dict]:
    """Usage records, oldest first."""
    found, cursor = [], None
    while True:
        page = account.get("usage", params={"limit": 100} | ({"cursor": cursor} if cursor else {}))
        found += page["items"]
        if not (cursor := page.get("next_cursor")):
            break
    return sorted((record for record in found if minion in (None, record["minion_id"])), key=lambda record: record["at"])


@pytest.fixture(scope="module")
def upstream():
    upstream = FaultyUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A server that does not wait for long."""
    with running(tmp_path_factory.mktemp("hasty"), ATELIER_FIRST_TOKEN_TIMEOUT=str(FIRST_TOKEN), ATELIER_TOTAL_TIMEOUT=str(TOTAL)) as server:
        yield server


@pytest.fixture(scope="module")
def account(hasty) -> Account:
    account = hasty.account("unlucky")
    account.post("providers", {"provider": "anthropic", "api_key": "sk-ant-" + "a" * 24})
    return account


@pytest.fixture(scope="module")
def played(account, upstream) -> dict[str, Case]:
    """Every fault, streamed and whole, through both doors; all at the same time."""
    cases = [
        Case(fault, surface, stream, account, upstream).prepare()
        for fault in FAULTS for surface in ("v1", "ask") for stream in (True, False) if fault.end(stream)
    ]
    with ThreadPoolExecutor(24) as pool:
        return {case.place: case for case in pool.map(Case.play, cases)}


ALL = [
    pytest.param(fault, surface, stream, id=f"{fault.id}-{surface}-{'streamed' if stream else 'whole'}")
    for fault in FAULTS for surface in ("v1", "ask") for stream in (True, False) if fault.end(stream)
]


def case_of(played, fault, surface, stream) -> Case:
    return played[Case(fault, surface, stream, None, None).place]


@pytest.mark.parametrize("fault, surface, stream", ALL)
def test_what_the_client_sees(played, fault, surface, stream):
    """Its first words where there were any, then an error that names the cause; never a reply that looks whole."""
    case = case_of(played, fault, surface, stream)
    seen = case.seen[0]
    assert seen.error == f"provider_{case.end.kind}", seen
    assert seen.message and not seen.finished
    assert seen.text == (PARTIAL if case.end.calls == 1 else "")
    if not stream:
        assert seen.status == fault.status
    elif not seen.text:
        # A stream that fails before it has begun still has a status line to say so.
        assert seen.status in (200, fault.status)
    else:
        assert seen.status == 200
    # Trap 9: our own 429 says when to come back.
    assert (seen.retry_after is not None) == (seen.status == 429)


@pytest.mark.parametrize("fault, surface, stream", ALL)
def test_what_is_billed(played, fault, surface, stream):
    """One record for each call that the vendor saw: nothing for a refusal, what broke off counted or estimated."""
    case = case_of(played, fault, surface, stream)
    kept = [record for record in case.records() if record["outcome"] != "ok"]
    calls = [call for call in case.upstream.seen(case.place) if call.fault != "ok"]
    assert len(kept) == len(calls) >= case.end.calls
    assert all(call.stream == stream for call in calls)
    for record in kept:
        assert record["outcome"] == case.end.kind
        if case.end.billed == "nothing":
            assert not record.keys() & {"input_tokens", "output_tokens", "cost"}
        else:
            # One's own Ollama is free; of the others' models nobody has told the price.
            assert record.get("cost") == (0 if fault.provider == "ollama" else None)
            assert record["input_tokens"] > 0
            assert record["is_estimate"] == (case.end.billed == "estimate")
            assert record["output_tokens"] >= (2 if case.end.calls == 1 else 0)


@pytest.mark.parametrize("fault, surface, stream", ALL)
def test_trap_9_and_10_what_the_circuit_does(played, fault, surface, stream):
    """Five failures in a row open it, and then nothing is sent; a rate limit never does."""
    case = case_of(played, fault, surface, stream)
    last = case.seen[-1]
    calls = case.upstream.seen(case.place)
    if case.end.kind == "rate_limited":
        assert last.finished and last.text == TEXT
        assert len(calls) == 7 and calls[-1].fault == "ok"
    else:
        assert len(calls) == 5, "the vendor is left alone after the fifth failure"
        assert last.error == "provider_circuit_open" and "tried again in" in last.message
        if not stream:
            assert last.status == 503 and 1 <= last.retry_after <= 13


@pytest.mark.parametrize("provider", ["custom", "anthropic", "ollama"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("script", ["ok", "drip", "500,ok", "429-after,ok", "reset-before,503,ok"])
def test_what_can_be_cured_is(account, upstream, provider, stream, script):
    """The client sees nothing of failures before the first token; the bill has them all, and counts what the vendor counted."""
    case = Case(Fault(f"cured-{script.replace(',', '-')}", 200, None, None, provider), "v1", stream, account, upstream).prepare()
    seen = case.ask(f"[[{script}]]")
    assert (seen.status, seen.text, seen.error, seen.finished) == (200, TEXT, None, True)
    kept = case.records()
    failed, (answered,) = ([record for record in kept if (record["outcome"] == "ok") == good] for good in (False, True))
    assert len(failed) == script.count(",") == len(upstream.seen(case.place)) - 1
    assert not any("input_tokens" in record for record in failed)
    assert (answered["outcome"], answered["input_tokens"], answered["output_tokens"], answered["is_estimate"]) == ("ok", 12, 5, False)
    assert answered["cached_tokens"] == (0 if provider == "ollama" else 4)


def fallen_back(account, upstream, name: str, question: str) -> tuple[Seen, list[dict]]:
    """Asks a minion whose first provider fails and whose second one answers."""
    second = account.server.account(f"second-{name}")
    second.post("providers", {"provider": "ollama", "api_key": "unused", "base_url": upstream.url(f"{name}-second")})
    case = Case(Fault(name, 200, None, None), "v1", True, second, upstream)
    case.minion = second.minion(
        case.place, provider="custom", model_id="m-1", base_url=upstream.url(case.place, "/v1"),
        fallbacks=[{"provider": "ollama", "model": "m-1"}])
    case.token = second.token_of(case.minion)
    return case.ask(question), case.records()


def test_trap_6_a_cut_stream_is_an_error_and_has_no_done(played):
    for provider in ("custom", "anthropic", "ollama"):
        for surface in ("v1", "ask"):
            seen = played[f"cut-{provider}-{surface}-s"].seen[0]
            assert seen.text == PARTIAL and seen.error == "provider_cut_stream" and not seen.finished


def test_trap_7_an_overload_inside_the_stream_falls_back_before_the_first_token(account, upstream):
    seen, kept = fallen_back(account, upstream, "trap7-before", "[[error-mid]]")
    assert (seen.text, seen.error, seen.finished) == (TEXT, None, True)
    # Counted, not listed: the last two may have begun in the same millisecond.
    assert Counter((record["provider"], record["outcome"]) for record in kept) == {("custom", "overloaded"): 3, ("ollama", "ok"): 1}


def test_trap_7_nothing_falls_back_after_the_first_token(account, upstream):
    seen, kept = fallen_back(account, upstream, "trap7-after", "[[error-late]]")
    assert (seen.text, seen.error, seen.finished) == (PARTIAL, "provider_overloaded", False)
    assert [record["provider"] for record in kept] == ["custom"]


def test_trap_8_the_upstream_call_ends_when_the_client_goes(somebody, upstream):
    """Before the first token and after it, long before any timeout; the call is on the bill as cancelled."""
    account = somebody
    for script in ("stall-late", "stall-before", "trickle"):
        case = Case(Fault(f"trap8-{script}", 200, None, None), "v1", True, account, upstream).prepare()
        with client_for(account.server) as http:
            body = {"model": case.place, "messages": [{"role": "user", "content": f"[[{script}]]"}], "stream": True}
            with http.stream("POST", "/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {case.token}"}) as response:
                for line in response.iter_lines():
                    # Before the first token there are only comments.
                    if PARTIAL in line or script == "stall-before":
                        break
                eventually(lambda: upstream.seen(case.place), 60, "the vendor is asked")
        eventually(lambda: upstream.seen(case.place)[-1].left, 60, "the vendor sees the client's end")
        record, = eventually(case.records, 60, "the call is on record")
        assert record["outcome"] == "cancelled" and record["is_estimate"] and record["input_tokens"] > 0
        assert record["output_tokens"] >= (0 if script == "stall-before" else 2)


def test_trap_12_base_urls_reach_only_what_the_operator_allows(tmp_path, upstream):
    """At saving and at asking, whatever the operator has changed in between."""
    closed = {"ATELIER_ALLOW_PRIVATE_UPSTREAMS": "false"}
    with running(tmp_path, **closed, ATELIER_ALLOWED_UPSTREAM_RANGES="127.0.0.1, fd12::/16") as server:
        account = server.account("prober")
        case = Case(Fault("trap12", 200, None, None), "v1", False, account, upstream).prepare()
        assert case.ask("[[ok]]").text == TEXT
        port = upstream.port
        for url in (
            "http://10.0.0.1/v1", "http://127.0.0.2/v1", "http://169.254.169.254/v1", "http://[fd00:ec2::254]/v1", "http://0/v1",
            "http://[::ffff:169.254.169.254]/v1", "http://0xa9fea9fe/v1", f"http://[::1]:{port}/v1", "https://192.168.0.1/v1",
        ):
            response = account.request("POST", "minions", json={"name": "x", "provider": "custom", "model_id": "m", "base_url": url})
            assert refused(response, 422, "invalid_request")["details"][0]["code"] == "permission", url
        server.end(signal.SIGTERM, within=30)
        del server.environment["ATELIER_ALLOWED_UPSTREAM_RANGES"]
        server.start()
        asked = len(upstream.seen(case.place))
        assert case.ask("[[ok]]").error == "provider_permission"
        assert len(upstream.seen(case.place)) == asked


# --- a thousand at once ---------------------------------------------------------

MIX = ["ok"] * 9 + [
    "drip", "500,ok", "503,ok", "429,ok", "429-after,ok", "reset-before,ok", "malformed,ok", "error-mid,ok", "html,ok", "headers,ok",
    "500,503,ok", "stall-before,ok", "cut", "error-late", "reset-late", "stall-late", "leave",
]
REQUESTS, CONNECTIONS, MINIONS = 1000, 32, 40


def test_a_thousand_mixed_faults_under_load(hasty, upstream):
    """No request hangs, no upstream connection is left, no record is lost."""
    account = hasty.account("crowd")
    minions = []
    for number in range(MINIONS):
        name = f"crowd{number}"
        minion = account.minion(name, provider="custom", model_id="m-1", base_url=upstream.url(name, "/v1"))
        minions.append((name, account.token_of(minion)))
    dice = random.Random(20260101)
    work = [(number, dice.choice(MIX), dice.random() < 0.6, *dice.choice(minions)) for number in range(REQUESTS)]
    ends: Counter = Counter()

    async def one(http: httpx.AsyncClient, number: int, script: str, stream: bool, model: str, token: str) -> None:
        leaves = script == "leave"
        mark = "trickle" if leaves else script
        body = {"model": model, "messages": [{"role": "user", "content": f"{number} [[{mark}]]"}], "stream": stream or leaves}
        headers = {"Authorization": f"Bearer {token}"}
        async with http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
            if leaves:
                async for line in response.aiter_lines():
                    if PARTIAL in line or "error" in line:
                        break
                ends["left"] += 1
                return
            content = (await response.aread()).decode()
        if response.headers["content-type"].startswith("text/event-stream"):
            data = [line[6:] for line in content.splitlines() if line.startswith("data: ")]
            end = "answered" if data[-1] == "[DONE]" else json.loads(data[-1])["error"]["code"]
        else:
            end = "answered" if response.is_success else json.loads(content)["error"]["code"]
        ends[end] += 1

    async def crowd() -> None:
        queue = list(reversed(work))
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        async with httpx.AsyncClient(base_url=hasty.url, timeout=45, trust_env=False, limits=limits) as http:

            async def worker() -> None:
                while queue:
                    await one(http, *queue.pop())

            async with asyncio.TaskGroup() as group:
                for _ in range(CONNECTIONS):
                    group.create_task(worker())

    began = time.monotonic()
    asyncio.run(asyncio.wait_for(crowd(), 120))
    seconds = time.monotonic() - began
    assert sum(ends.values()) == REQUESTS
    assert ends["answered"] > REQUESTS / 3 and ends["left"] > 0
    calls = [call for call in list(upstream.calls) if call.path.startswith("/crowd")]
    figure(f"{REQUESTS} mixed faults over {CONNECTIONS} connections: {seconds:.1f} s, {len(calls)} calls upstream, {dict(ends.most_common())}")

    # Calls that clients left are recorded when their end has gone through.
    def counted() -> bool:
        return len(records(account)) >= len(calls)

    eventually(counted, 60, f"a record for each of {len(calls)} calls")
    kept = records(account)
    assert len(kept) == len(calls), "exactly one record for each call the vendor saw"
    assert {record["outcome"] for record in kept} >= {
        "ok", "server_error", "overloaded", "rate_limited", "connection", "timeout", "cut_stream", "malformed_reply", "cancelled"}
    # The server keeps idle plain connections for four seconds.
    eventually(lambda: upstream.open == 0, 30, "no connection to the vendor is left")
    assert ok(hasty.http.get("/health"))
