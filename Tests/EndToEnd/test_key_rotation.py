"""`atelier keys rotate`: every row under the new key, beside a running server, after which the old one can go."""

import json
import re
import subprocess

import pytest
from cryptography.fernet import Fernet
from harness import BINARY, ok, running
from test_fernet import restart
from test_provider_keys import KEY, Shop


@pytest.fixture
def shop():
    shop = Shop(KEY)
    yield shop
    shop.close()


def rotate(server, keys: str, *flags: str):
    return subprocess.run(
        [BINARY, "keys", "rotate", "--data-dir", server.data, *flags], cwd=server.data.parent,
        env=server.environment | {"API_KEY_ENCRYPTION_KEY": keys}, text=True, capture_output=True)


def counts(output: str) -> dict:
    return {name: int(count) for name, count in re.findall(r"^(rotated|unchanged|unreadable) +(\d+)", output, re.M)}


def tokens(server) -> list[str]:
    """Everything in any table that looks like a Fernet token."""
    found = []
    for table, in server.sql("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in server.sql(f'SELECT * FROM "{table}"'):
            found += [value for value in row if isinstance(value, str) and value.startswith("gAAAA")]
    return found


def opens(key: str, token: str) -> bool:
    try:
        return bool(Fernet(key).decrypt(token))
    except Exception:
        return False


def test_the_old_key_can_be_dropped_after_a_rotation(tmp_path, shop):
    a, b = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    with running(tmp_path, API_KEY_ENCRYPTION_KEY=a) as server:
        account = server.account("rotator")
        for label in ("one", "two"):
            account.post("providers", {"provider": "custom", "api_key": KEY, "base_url": shop.url, "label": label})
        minion = account.minion("Holder", provider="custom", model_id="big-model")
        restart(server, f"{b},{a}")
        assert counts(rotate(server, f"{b},{a}", "--dry-run").stdout) == {"rotated": 2, "unchanged": 0, "unreadable": 0}
        assert all(opens(a, token) for token in tokens(server))
        done = rotate(server, f"{b},{a}")  # beside the running server
        assert done.returncode == 0 and counts(done.stdout) == {"rotated": 2, "unchanged": 0, "unreadable": 0}, done.stderr
        assert "remove the old key" in done.stdout.lower()
        assert account.ask(minion, "Hello?")["answer"], "the server goes on answering"
        assert counts(rotate(server, f"{b},{a}").stdout) == {"rotated": 0, "unchanged": 2, "unreadable": 0}
        left = tokens(server)
        assert len(left) == 2 and all(opens(b, token) and not opens(a, token) for token in left), "trap 11: no table was missed"
        restart(server, b)
        assert account.ask(minion, "Hello again?")["answer"] and shop.chats[-1][2] == KEY
        for secret in (a, b, KEY):
            assert secret not in server.log() and secret not in done.stdout + done.stderr


def test_a_row_that_no_key_opens_stops_it_and_changes_nothing(tmp_path, shop):
    lost, a, b = (Fernet.generate_key().decode() for _ in range(3))
    with running(tmp_path, API_KEY_ENCRYPTION_KEY=a) as server:
        account = server.account("rotator")
        good = account.post("providers", {"provider": "custom", "api_key": KEY, "base_url": shop.url})["key"]
        bad = account.post("providers", {"provider": "openai", "api_key": "sk-" + "b" * 20})["key"]
        token = Fernet(lost).encrypt(json.dumps({"user": account.id, "provider": "openai", "key": "sk-x"}).encode()).decode()
        server.sql("UPDATE user_api_keys SET encrypted_key = ? WHERE id = ?", token, bad["id"])
        refusal = rotate(server, f"{b},{a}")
        assert refusal.returncode != 0 and bad["id"] in refusal.stdout and good["id"] not in refusal.stdout and "gAAAA" not in refusal.stdout
        assert sum(opens(a, token) for token in tokens(server)) == 1, "nothing was changed"
        done = rotate(server, f"{b},{a}", "--skip-unreadable")
        assert done.returncode == 0 and counts(done.stdout) == {"rotated": 1, "unchanged": 0, "unreadable": 1} and bad["id"] in done.stdout
        restart(server, b)
        assert account.ask(account.minion("Holder", provider="custom", model_id="big-model"), "Hello?")["answer"]
        # The other key is saved again, as its user is told.
        ok(account.request("PUT", f"providers/{bad['id']}", json={"api_key": "sk-" + "c" * 20, "test": False}))
        assert all(opens(b, token) for token in tokens(server))
