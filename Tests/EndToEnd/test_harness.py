"""What the tests see of a server at work is what is there."""

import shutil
import threading
from contextlib import closing

import httpx2 as httpx
import pytest
from harness import found
from upstream import Raw


def test_a_folder_may_go_while_it_is_listed(tmp_path):
    """As when a server clears an upload away: pathlib's own glob fails then."""
    (tmp_path / "kept").write_text("kept")
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            (tmp_path / "uploads/one").mkdir(parents=True)
            shutil.rmtree(tmp_path / "uploads")

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(3000):
            assert tmp_path / "kept" in found(tmp_path, "**/*")
    finally:
        stop.set()
        thread.join()


def test_a_silent_vendor_takes_requests_and_says_nothing():
    with closing(Raw()) as silent:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(silent.url, content=b"{}", timeout=httpx.Timeout(30, read=0.2), trust_env=False)
        assert silent.taken.wait(30) and silent.asked == 1
    with closing(Raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")) as brief:
        assert httpx.get(brief.url, trust_env=False).status_code == 204
