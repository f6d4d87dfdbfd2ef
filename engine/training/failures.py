"""Why a training run ends without an adapter: a code, a message, and what to do."""

import errno
from typing import Any


class TrainError(Exception):
    """A failure that the user can act on."""

    def __init__(self, code: str, message: str, hint: str, **extra: Any):
        super().__init__(message)
        self.record = {"code": code, "message": message, "hint": hint, **extra}


def explain(error: BaseException) -> dict[str, Any]:
    """Any failure as {"code","message","hint"}."""
    if isinstance(error, TrainError):
        return error.record
    text = f"{type(error).__name__}: {error}"
    lower = text.lower()
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "no space left" in lower:
        return {"code": "disk_full", "message": "the disk is full",
                "hint": "Free some space and start the job again: it goes on from its last checkpoint."}
    if isinstance(error, MemoryError) or any(words in lower for words in (
            "out of memory", "allocate memory", "std::bad_alloc", "thread constructor failed", "can't start new thread")):
        return {"code": "out_of_memory", "message": text,
                "hint": "Lower batch_tokens, batch_size or max_tokens, set gradient_checkpointing, or train on a machine with more memory."}
    if isinstance(error, ImportError):
        return {"code": "engine_missing", "message": f"a part of the engine is not installed: {error}", "hint": "Run: make setup"}
    return {"code": "internal", "message": text, "hint": "The log on stderr has the details; please report it."}
