"""Provider keys at rest, held against Python's own Fernet."""

import json
import signal

from cryptography.fernet import Fernet
from harness import Account, Server, refused, running

KEY = "sk-live-2f7c1d90b6e54a3b8e1f"


def stored(account: Account, provider: str = "custom") -> str:
    (token,), = account.server.sql("SELECT encrypted_key FROM user_api_keys WHERE user_id = ? AND provider = ?", account.id, provider)
    return token


def sent(account: Account, minion: dict, vendor) -> str:
    """The key the vendor is asked with; it refuses it, which is no matter here."""
    refused(account.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 502, "provider_authentication")
    return vendor.keys[-1]


def holder(account: Account, vendor, key: str = KEY) -> dict:
    account.post("providers", {"provider": "custom", "api_key": key, "base_url": vendor.url})
    return account.minion("Holder", provider="custom", model_id="big-model")


def test_python_reads_what_the_server_encrypted(somebody, vendor):
    holder(somebody, vendor)
    file = somebody.server.data / "encryption.key"
    assert file.stat().st_mode & 0o077 == 0
    fernet = Fernet(file.read_text().strip())
    token = stored(somebody)
    assert json.loads(fernet.decrypt(token, ttl=600)) == {"user": somebody.id, "provider": "custom", "key": KEY}
    assert KEY not in token
    database = b"".join(path.read_bytes() for path in somebody.server.data.glob("atelier.sqlite*"))
    assert KEY.encode() not in database


def test_the_server_reads_what_python_encrypted(somebody, vendor):
    minion = holder(somebody, vendor)
    fernet = Fernet((somebody.server.data / "encryption.key").read_text().strip())
    token = fernet.encrypt(json.dumps({"user": somebody.id, "provider": "custom", "key": "sk-from-python-0123456789"}).encode()).decode()
    somebody.server.sql("UPDATE user_api_keys SET encrypted_key = ? WHERE user_id = ?", token, somebody.id)
    assert sent(somebody, minion, vendor) == "sk-from-python-0123456789"


def test_a_key_is_never_shown_again(somebody, vendor):
    holder(somebody, vendor)
    for path in ("providers", "providers/custom"):
        text = somebody.request("GET", path).text
        assert KEY not in text and KEY[-4:] in text


def test_a_row_copied_to_another_user_is_refused(server, somebody, vendor):
    thief = server.account("thief")
    holder(somebody, vendor)
    minion = holder(thief, vendor, key="sk-of-the-thief-0123456789")
    server.sql("UPDATE user_api_keys SET encrypted_key = ? WHERE user_id = ?", stored(somebody), thief.id)
    error = refused(thief.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 409, "provider_no_key")
    assert "belongs to another user" in error["message"]
    assert "belongs to another user" in thief.request("POST", "providers/custom/test", json={}).text
    assert vendor.keys == [], "the vendor was not asked"
    # Saved again, as the message says, it works again.
    thief.put("providers/custom", {"api_key": "sk-of-the-thief-0123456789"})
    assert sent(thief, minion, vendor) == "sk-of-the-thief-0123456789"


def test_a_row_moved_to_another_provider_is_refused(somebody, vendor):
    holder(somebody, vendor)
    somebody.post("providers", {"provider": "openai", "api_key": "sk-" + "b" * 20, "base_url": vendor.url})
    minion = somebody.minion("Confused", provider="openai", model_id="gpt-5-mini")
    somebody.server.sql("UPDATE user_api_keys SET encrypted_key = ? WHERE user_id = ? AND provider = 'openai'", stored(somebody), somebody.id)
    refused(somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 409, "provider_no_key")
    assert vendor.keys == []


def test_keys_are_rotated_by_putting_the_new_one_in_front(tmp_path, vendor):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    with running(tmp_path, API_KEY_ENCRYPTION_KEY=old) as server:
        account = server.account("rotator")
        minion = holder(account, vendor)
        assert not (server.data / "encryption.key").exists()
        restart(server, f"{new},{old}")
        assert sent(account, minion, vendor) == KEY, "the second key decrypts"
        account.put("providers/custom", {"api_key": KEY})
        assert json.loads(Fernet(new).decrypt(stored(account)))["key"] == KEY, "the first key encrypts"
        restart(server, old)
        error = refused(account.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 409, "provider_no_key")
        assert "API_KEY_ENCRYPTION_KEY" in error["message"]
        assert old not in server.log() and new not in server.log()


def restart(server: Server, keys: str) -> None:
    server.end(signal.SIGTERM, within=60)
    server.environment["API_KEY_ENCRYPTION_KEY"] = keys
    server.start()
