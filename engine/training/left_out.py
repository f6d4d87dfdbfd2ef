"""What a run leaves out of its examples, in words: the estimate and the run say the same."""

from typing import Any

from training.conversations import Dataset

MOST_SHOWN = 5  # control tokens that are named

# Reason → what is said of the examples, and what to do.
REASONS = {
    "tool_calls": ("with tool calls, for which the base model's chat template has no place", "Give the conversation without the calls and their results."),
    "tool_results": ("with a tool's results, for which the base model's chat template has no place", "Give the conversation without them."),
    "empty_message": ("with a message that has no text", "Write the message's text, or remove it."),
    "no_reply": ("without a reply to learn from", "Look at the dataset's preview."),
    "template_refused": ("that the base model's chat template refuses", "Many templates want the user and the assistant in turn."),
}


def note(code: str, message: str, hint: str, count: int) -> dict[str, Any]:
    """A remark beside a result; no failure."""
    return {"code": code, "count": count, "message": message, "hint": hint}


def said(dataset: Dataset, reason: str, max_tokens: int) -> tuple[str, str]:
    if reason != "reply_too_long":
        text, hint = REASONS[reason]
        return (f"{text} ({dataset.refusal})", hint) if reason == "template_refused" and dataset.refusal else (text, hint)
    least, most = dataset.needed[0], dataset.needed[-1]
    needs = f"{least} to {most}" if least < most else f"{least}"
    return (f"with a last reply that does not fit into max_tokens = {max_tokens} (it needs {needs})",
            f"Set max_tokens to {most} to keep all of them, or shorten the replies." if least == most
            else f"Set max_tokens to {most} to keep all of them, to {least} for the shortest; or shorten the replies.")


def notes(dataset: Dataset, name: str, max_tokens: int) -> list[dict[str, Any]]:
    """Of the `name` examples (training, held-out): what is left out, shortened or read otherwise than it looks, each with a count."""
    found = []
    for reason, count in dataset.dropped.items():
        text, hint = said(dataset, reason, max_tokens)
        found.append(note(reason, f"{count} of {dataset.read} {name} example(s) left out: {text}", hint, count))
    if dataset.spelled:
        shown = ", ".join(sorted(dataset.controls)[:MOST_SHOWN]) + (", …" if len(dataset.controls) > MOST_SHOWN else "")
        found.append(note("control_tokens", f"{dataset.spelled} of {dataset.read} {name} example(s) spell out control tokens of chat templates ({shown}); "
                          "they are learned as the text they are", "Remove what another program's template left in the messages; keep what is meant as text.",
                          dataset.spelled))
    if dataset.cut:
        lost = f", and {dataset.lost} earlier replies lose their beginning with it and are not learned" if dataset.lost else ""
        found.append(note("prompt_cut", f"{dataset.cut} of {dataset.read} {name} example(s) are cut from the left to {max_tokens} tokens{lost}",
                          "Raise max_tokens, or split long conversations.", dataset.cut))
    return found


def nothing_left(dataset: Dataset, max_tokens: int) -> dict[str, str]:
    """Why there is nothing to train on, as a failure."""
    if not dataset.dropped:
        return {"code": "no_reply_tokens", "message": "there is no training example",
                "hint": 'Each example needs a message with "role":"assistant" and some content, after a user\'s.'}
    reasons = sorted(dataset.dropped.items(), key=lambda entry: -entry[1])
    texts = [f"{count} {said(dataset, reason, max_tokens)[0]}" for reason, count in reasons]
    most = reasons[0][0]
    hint = said(dataset, most, max_tokens)[1] if most != "no_reply" else \
        'Each example needs a message with "role":"assistant" and some content, after a user\'s.'
    return {"code": "no_reply_tokens", "hint": hint,
            "message": ("the one training example cannot" if dataset.read == 1 else f"none of the {dataset.read} training examples can")
            + f" be learned from: {', '.join(texts)}"}


def not_reached(examples: int, steps: list) -> dict[str, Any] | None:
    """Examples that a run bounded by max_steps never comes to."""
    left = examples - len({index for step in steps for index in step.examples})
    return note("not_reached", f"{left} of {examples} training example(s) are never trained on: max_steps ends the run before",
                "Raise max_steps, or give epochs instead.", left) if steps and left else None


def nothing_held_out(validation: Dataset) -> dict[str, Any] | None:
    """Held-out examples of which none is left."""
    return note("nothing_held_out", "no held-out example is left, so no loss is measured and the last weights are kept",
                "Raise max_tokens, or add examples.", validation.read) if validation.read and not validation.examples else None
