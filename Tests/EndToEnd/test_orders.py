"""The orders an answer can be made in, what of the voice enters the prompt, and the last step that restyles.

One minion of an external model, trained once: the vendor on loopback also paraphrases for its training.
"""

import json
import os
import re
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from harness import Account, eventually, events, processes, read_jsonl, refused, running, SAMPLES
from upstream import Upstream, speaking

EXAMPLES = 30
PARAPHRASE = "Say the text below again"


def examples(count: int = EXAMPLES) -> list[dict]:
    """Examples of the sample voice with the question alone: short, so that training is."""
    rows = [json.loads(line) for line in (SAMPLES / "voice.jsonl").read_text().splitlines()[:count]]
    for row in rows:
        row["messages"][0]["content"] = row["messages"][0]["content"].split("Question: ")[-1]
    return rows


def jsonl(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def plain(reply: str) -> str:
    """The sample voice without its flourishes: what a good paraphraser would make of it."""
    core = re.sub(r"^[^,]+, friend, ", "", reply)
    core = re.split(r"; | — ", core)[0].strip().rstrip(".")
    return core[:1].upper() + core[1:] + ", in short."


ANSWER = "The museum has 3 halls, and Marta opens them on Monday. [1]"


class Words:
    """What the vendor says: a paraphrase where it is asked for one, else its answer."""

    answer = ANSWER

    def __call__(self, body: dict) -> str:
        last = body["messages"][-1]["content"]
        return plain(last.split("Text: ", 1)[1]) if last.startswith(PARAPHRASE) else self.answer


@dataclass
class Styled:
    account: Account
    vendor: Upstream
    words: Words
    minion: dict
    dataset: dict
    job: dict
    history: list
    training: list[dict]

    @contextmanager
    def answering(self, text: str):
        """The vendor gives another answer for a while."""
        self.words.answer = text
        yield
        self.words.answer = ANSWER

    @contextmanager
    def pipeline(self, **settings):
        """Other settings of the minion for a while."""
        before = self.account.get(f"minions/{self.minion['id']}")["pipeline"]
        self.account.put(f"minions/{self.minion['id']}", {"pipeline": settings})
        yield
        self.account.put(f"minions/{self.minion['id']}", {"pipeline": {name: before[name] for name in settings}})

    def ask(self, question: str = "How many halls are there?", **settings) -> dict:
        return self.account.ask(self.minion, question, **settings)


PRICES = [{"model": "big-model", "input": 1, "output": 2}]


@pytest.fixture(scope="module")
def styled(server):
    """An external minion with an adapter that was trained to restyle, paraphrased by its own vendor."""
    words = Words()
    vendor = Upstream([speaking(words)])
    account = server.account("stylist")
    account.post("providers", {"provider": "custom", "api_key": "sk-none", "base_url": vendor.url, "prices": PRICES})
    minion = account.minion("Stylist", provider="custom", model_id="big-model", base_url=vendor.url)
    rows = examples()
    dataset = account.dataset(jsonl(rows), "jsonl", "voice.jsonl")
    job = account.job(minion, "lora_only", [dataset], restyle=True, restyle_budget=1.0, epochs=2, learning_rate=3e-3, rank=8, batch_size=4)
    history = list(account.follow(job, within=1500))
    job = account.show_job(job)
    assert job["status"] == "COMPLETED", job
    minion = account.get(f"minions/{minion['id']}")
    yield Styled(account, vendor, words, minion, dataset, job, history, rows)
    vendor.close()


def replies(examples: list[dict]) -> set[str]:
    return {message["content"] for example in examples for message in example["messages"] if message["role"] == "assistant"}


# --- training to restyle -------------------------------------------------------


def test_the_cost_of_paraphrases_is_told_and_must_be_agreed_to(styled):
    body = {"minion_id": styled.minion["id"], "training_type": "lora_only", "dataset_ids": [styled.dataset["id"]]}

    def create(**config):
        return styled.account.request("POST", "external-training/jobs", json=body | {"config": {"restyle": True} | config})

    error = refused(create(), 422, "invalid_request")
    detail, = error["details"]
    assert detail["field"] == "config.restyle_budget" and re.search(r"paraphrases by custom/big-model may cost \$0\.0\d+", detail["message"])
    assert "too small" in refused(create(restyle_budget=0.000001), 422, "invalid_request")["details"][0]["message"]
    job = create(restyle_budget=0.5).json()
    assert job["config"]["restyle_budget"] == 0.5
    assert create(restyle_paraphraser="base").is_success and create(restyle=False).is_success
    # Fewer pairs are cheaper.
    body["dataset_ids"] = [styled.account.dataset(jsonl(examples(100)), "jsonl", "hundred.jsonl")["id"]]
    few, all_ = (refused(create(**pairs), 422, "invalid_request")["details"][0]["message"] for pairs in ({"restyle_pairs": 2}, {}))
    assert "up to 2 paraphrases" in few and "up to 100 paraphrases" in all_ and dollars(few) < dollars(all_)


def dollars(text: str) -> float:
    return float(re.search(r"\$([\d.]+\d)", text)[1])


def test_the_paraphrases_are_on_record_and_paid_for_once(styled):
    made = [record for record in usage(styled) if record["purpose"] == "paraphrase"]
    asked = [body for body in styled.vendor.requests if body["messages"][-1]["content"].startswith(PARAPHRASE)]
    assert len(made) >= len(asked) >= EXAMPLES - 3 and all(record["cost"] > 0 and record["model"] == "big-model" for record in made)
    texts = [body["messages"][-1]["content"] for body in asked]
    assert len(set(texts)) == len(texts), "no piece twice"
    # A second job with the same replies asks for none again.
    before = len(styled.vendor.requests)
    minion = styled.account.minion("Again", provider="custom", model_id="big-model", base_url=styled.vendor.url, pipeline={"order": "restyle_last"})
    # Its order says that it restyles; the config need not.
    job = styled.account.job(minion, "lora_only", [styled.dataset], restyle_budget=1.0, rank=1, max_tokens=64)
    for event in styled.account.follow(job):
        if event.name == "stage" and event.data["stage"] == "pairs" and event.data["status"] == "finished":
            break
    styled.account.post(f"external-training/jobs/{job['id']}/stop")
    assert len(styled.vendor.requests) == before


def usage(styled: Styled) -> list[dict]:
    return styled.account.get("usage?limit=100")["items"]


def test_a_budget_that_is_spent_ends_the_job_and_keeps_what_is_there(styled, server):
    """The budget holds while it runs, too: the price went up between the estimate and the call."""
    account = server.account("saver")
    account.post("providers", {"provider": "custom", "api_key": "sk-none", "base_url": styled.vendor.url, "prices": PRICES})
    minion = account.minion("Saver", provider="custom", model_id="big-model", base_url=styled.vendor.url)
    dataset = account.dataset(jsonl(examples()), "jsonl", "voice.jsonl")
    job = account.post("external-training/jobs", {
        "minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]], "config": {"restyle": True, "restyle_budget": 0.02}})
    account.put("providers/custom", {"prices": [PRICES[0] | {"input": 60, "output": 120}]})
    account.post(f"external-training/jobs/{job['id']}/start")
    list(account.follow(job))
    job = account.show_job(job)
    assert (job["status"], job["error"]["step"], job["error"]["code"]) == ("FAILED", "pairs", "restyle_budget_spent"), job
    assert "restyle_budget" in job["error"]["hint"]
    spent = sum(record["cost"] for record in account.get("usage?limit=100")["items"])
    assert 0 < spent <= 0.02


def test_held_out_replies_never_reach_training_or_the_prompt(styled):
    split, = [event.data["message"] for event in styled.history if event.name == "log" and "held-out examples" in event.data["message"]]
    assert re.search(r"27 training and 3 held-out", split), split
    folder, = styled.account.server.data.glob(f"users/{styled.account.id}/adapters/*")
    kept = read_jsonl(folder / "voice.jsonl")
    # Of each conversation the last reply is kept.
    held_out = {example["messages"][-1]["content"] for example in styled.training} - {entry["reply"] for entry in kept}
    assert len(kept) == 27 and len(held_out) == 3
    trained = (folder / "job.json").read_text()
    assert "validation" in trained  # the trainer's own record of its files
    # Any example the prompt can show is one of those kept.
    prompt = styled.ask(voice_prompt="voice_examples")["trace"]["prompt"][-1]["content"]
    assert not any(reply in prompt for reply in held_out)
    # Nor was the vendor sent one to paraphrase, or any piece of one.
    sent = "\n".join(message["content"] for body in styled.vendor.requests for message in body["messages"])
    assert PARAPHRASE in sent and not any(piece in sent for reply in held_out for piece in re.split(r"(?<=[.!?]) ", reply))


def test_the_release_says_how_it_restyles(styled):
    folder, = styled.account.server.data.glob(f"users/{styled.account.id}/adapters/*")
    profile = json.loads((folder / "restyle.json").read_text())
    assert profile["paraphraser"] == "custom/big-model" and profile["instruction"].startswith("Rewrite this text")
    assert 0 < profile["floor"] < profile["ceiling"] <= 1 and profile["pairs"] > 15


# --- what of the voice enters the prompt ---------------------------------------


@pytest.mark.parametrize("setting, has_draft, has_examples", [("draft", True, False), ("voice_examples", False, True), ("both", True, True)])
def test_the_voice_prompt_decides_what_the_vendor_is_sent(styled, setting, has_draft, has_examples):
    trace = styled.ask(voice_prompt=setting)["trace"]
    sent = styled.vendor.requests[-1]["messages"]
    assert [message["content"] for message in sent] == [message["content"] for message in trace["prompt"]]
    prompt = sent[-1]["content"]
    assert ("Draft, for its voice only:" in prompt, "Replies of the person" in prompt) == (has_draft, has_examples)
    assert ("draft" in trace, "voice_examples" in trace) == (has_draft, has_examples)
    if has_draft:
        assert trace["draft"]["in_prompt"] and trace["draft"]["text"] in prompt
    if has_examples:
        examples = trace["voice_examples"]
        assert len(examples) == 3 and all(example["reply"] in prompt for example in examples)
        scores = [example["similarity"] for example in examples]
        assert scores == sorted(scores, reverse=True) and 0 < scores[-1] <= scores[0] <= 1


def test_a_draft_is_drawn_and_comes_again(styled):
    drafts = {}
    for temperature in (0, 0.8, 1.6):
        with styled.pipeline(draft_temperature=temperature):
            drafts[temperature] = styled.ask(voice_prompt="draft")["trace"]["draft"]["text"]
            assert styled.ask(voice_prompt="draft")["trace"]["draft"]["text"] == drafts[temperature]
    assert len(set(drafts.values())) == 3, drafts
    assert styled.ask(voice_prompt="draft", seed=11)["trace"]["draft"]["text"] != drafts[0.8]


def test_more_examples_and_none(styled):
    with styled.pipeline(voice_examples=5):
        assert len(styled.ask(voice_prompt="voice_examples")["trace"]["voice_examples"]) == 5
    silent = styled.ask(voice_prompt="both", use_draft=False)["trace"]
    assert "voice_examples" not in silent and "draft" not in silent and "person" not in silent["prompt"][0]["content"]


def test_examples_are_those_like_the_question(styled):
    first = styled.training[0]["messages"][0]["content"]
    example = styled.ask(first, voice_prompt="voice_examples")["trace"]["voice_examples"][0]
    assert example["message"] == first and example["similarity"] > 0.99


def test_a_late_draft_is_left_behind_and_told(styled):
    with styled.pipeline(draft_timeout=0.001, draft_max_tokens=1024):
        reply = styled.ask("Tell me everything there is to know about the sea, at length.")
    late, = reply["degraded"]
    assert late["stage"] == "draft" and "not ready after 0.001 s" in late["reason"]
    assert "draft" not in reply["trace"] and reply["answer"].startswith("The museum has 3 halls")


# --- orders --------------------------------------------------------------------


def stages(reply: dict) -> dict[str, str]:
    return {stage["stage"]: stage["status"] for stage in reply["trace"]["stages"]}


def test_each_order_has_its_own_stages_and_models(styled):
    first = styled.ask(order="draft_first")
    assert first["trace"]["order"] == "draft_first" and stages(first)["draft"] == "ok" and "restyle" not in stages(first)
    voice = styled.ask(order="voice_only")
    assert voice["provider"] == "local" and [attempt["provider"] for attempt in voice["trace"]["attempts"]] == ["local"]
    assert [message["role"] for message in voice["trace"]["prompt"]] == ["user"]
    bare = styled.ask(order="voice_only", adapter_scale=0)
    assert bare["answer"] != voice["answer"], "the adapter answers"
    external = styled.ask(order="external_only")
    assert [attempt["provider"] for attempt in external["trace"]["attempts"]] == ["custom"] and external["trace"]["passages"] == []
    assert "draft" not in external["trace"] and "restyle" not in external["trace"]
    knowledge = styled.ask(order="knowledge_only")
    assert stages(knowledge)["draft"] == "skipped" and knowledge["provider"] == "custom"


def test_an_order_is_the_minions_unless_the_question_says_otherwise(styled):
    path = f"minions/{styled.minion['id']}/ask"
    with styled.pipeline(order="external_only"):
        assert styled.ask()["trace"]["order"] == "external_only"
        assert styled.ask(order="voice_only")["trace"]["order"] == "voice_only"
        error = refused(styled.account.request("POST", path, json={"question": "?", "use_draft": True}), 422, "invalid_request")
    assert error["details"][0]["field"] == "use_draft"


def test_a_restyled_answer_keeps_its_facts_or_its_first_wording(styled):
    reply = styled.ask(order="restyle_last")
    restyle = reply["trace"]["restyle"]
    assert restyle["original"] == ANSWER and restyle["restyled"] == reply["answer"]
    piece, = restyle["pieces"]
    assert piece["original"] == ANSWER.removesuffix(" [1]"), "the local model never sees a mark"
    assert piece["restyled"] and "similarity" in piece and "meaning" in piece
    for fact in ("3", "Marta", "Monday", "[1]"):
        assert fact in reply["answer"]
    assert (restyle["kept"] == "all") == piece["kept"] == (piece["restyled"] in reply["answer"])
    if not piece["kept"]:
        assert piece["reason"] and reply["answer"] == ANSWER and reply["degraded"][0]["stage"] == "restyle"
    # A second attempt of the local model where the first changed nothing or lost something.
    assert [attempt["provider"] for attempt in reply["trace"]["attempts"]] in (["custom", "local"], ["custom", "local", "local"])
    assert {record["purpose"] for record in usage(styled) if record.get("answer_id") == reply["id"]} == {"answer", "restyle"}


def test_what_was_learned_is_turned_back_into_the_voice(styled):
    """Plain texts the adapter was trained to restyle: some of them come back in the voice, and none without its facts."""
    kept = 0
    for example in styled.training[:4]:
        text = plain(example["messages"][-1]["content"])
        with styled.answering(text):
            reply = styled.ask(order="restyle_last")
        piece, = reply["trace"]["restyle"]["pieces"]
        kept += piece["kept"]
        if piece["kept"]:
            assert reply["answer"] == piece["restyled"] != text
    assert kept > 0


CODE = "Run this now and see what it prints, please.\n\n```sh\nmake test\n```\n| a | b |\n"


def test_code_stays_and_the_stream_adds_up(styled):
    with styled.answering(CODE):
        body = {"question": "How?", "stream": True, "trace": True, "order": "restyle_last", "temperature": 0}
        path = f"{styled.account.base}/minions/{styled.minion['id']}/ask"
        with styled.account.server.http.stream("POST", path, headers=styled.account.headers, json=body) as response:
            history = list(events(response, within=120))
    done = history[-1].data
    assert history[-1].name == "done" and done["answer"].endswith("```sh\nmake test\n```\n| a | b |\n")
    texts = [event.data["text"] for event in history if event.name == "text"]
    assert "".join(texts) == done["answer"] and len(texts) > 2
    assert [event.data["stage"] for event in history if event.name == "stage"][-2:] == ["answer", "restyle"]


def test_the_threshold_discards_what_it_calls_a_loss(styled):
    text = plain(styled.training[0]["messages"][-1]["content"])
    with styled.answering(text):
        with styled.pipeline(restyle_threshold=1):
            strict = styled.ask(order="restyle_last")["trace"]["restyle"]
        with styled.pipeline(restyle_threshold=0):
            lenient = styled.ask(order="restyle_last")["trace"]["restyle"]
    assert (strict["threshold"], lenient["threshold"]) == (1, 0)
    for trace in (strict, lenient):
        piece, = trace["pieces"]
        assert piece["kept"] == (piece["meaning"] >= trace["threshold"] and "lost" not in piece and "cut off" not in piece.get("reason", ""))


def test_a_late_restyle_leaves_the_reply_as_it_was(styled):
    with styled.pipeline(restyle_timeout=0.001):
        reply = styled.ask(order="restyle_last")
    assert reply["answer"] == ANSWER and "not ready after 0.001 s" in reply["degraded"][0]["reason"]
    assert reply["trace"]["restyle"]["kept"] == "none"


def test_an_adapter_that_was_not_trained_to_restyle_says_so(trained):
    reply = trained.account.ask(trained.minion, "What do I pay for a bowl of soup?", order="restyle_last", max_tokens=12)
    degraded, = [entry for entry in reply["degraded"] if entry["stage"] == "restyle"]
    assert "\"restyle\": true" in degraded["reason"] and "restyle" not in reply["trace"]
    plain = trained.account.ask(trained.minion, "What do I pay for a bowl of soup?", order="knowledge_only", max_tokens=12)
    assert plain["answer"] == reply["answer"], "it is the base model's, without the voice"


# --- a local server that dies --------------------------------------------------


def test_answers_outlive_the_local_server(tmp_path):
    """Killed with eight requests on it: none of them had begun to answer its caller, so none fails."""
    with running(tmp_path) as server:
        account = server.account("survivor")
        minion = account.minion("Survivor")
        account.ask(minion, "Hello?", max_tokens=1)
        outcomes: list[int] = []

        def ask():
            reply = account.request("POST", f"minions/{minion['id']}/ask", json={"question": "Tell me a long story.", "max_tokens": 24})
            outcomes.append(reply.status_code)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        llama = eventually(lambda: [pid for pid, line in processes(server.data) if "serve.py" in line], 30, "a local server")
        os.kill(llama[0], signal.SIGKILL)
        for thread in threads:
            thread.join(120)
        assert outcomes == [200] * 6, server.log()[-2000:]
