"""The loss of a language model on the assistant's replies, and nothing it need not compute.

Three savings, none of which changes the result:

* The head (49,000 rows) is computed at reply positions alone.
* What all examples of a batch begin with, such as the system prompt, runs once
  and is shared through the key-value cache; gradients flow through it.
* A batch is split by a token budget and its gradients are summed, so memory is
  bounded whatever the lengths are.
"""

from collections.abc import Iterator

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache, PreTrainedModel

from conversations import Example

TOKENS_AT_ONCE = 2048  # padded tokens in one pass; about 3 GB of activations for the default model
LOGITS_AT_ONCE = 1024  # reply tokens in one head computation; 200 MB of logits each
SHARED_AT_LEAST = 8  # tokens; below, the second pass costs more than it saves

# Models that change their logits after the head: for them the whole model is called.
LOGIT_TRANSFORMS = ("final_logit_softcapping", "logit_scale", "logits_scaling")


def parts(batch: list[Example]) -> Iterator[list[Example]]:
    """Split a batch by the token budget, longest examples together."""
    part: list[Example] = []
    for example in sorted(batch, key=lambda example: len(example.ids)):
        if part and (len(part) + 1) * len(example.ids) > TOKENS_AT_ONCE:
            yield part
            part = []
        part.append(example)
    if part:
        yield part


def shared_prefix(batch: list[Example]) -> int:
    """How many first tokens all examples share, before the position that predicts
    the earliest reply token."""
    limit = min(example.replies[0] - 1 for example in batch)
    first = batch[0].ids
    for index in range(limit):
        if any(example.ids[index] != first[index] for example in batch):
            return index
    return limit


def summed_loss(model: PreTrainedModel, batch: list[Example]) -> torch.Tensor:
    """Negative log-likelihood in nats, summed over the reply tokens of the batch.

    `model` is the plain causal language model (with LoRA layers in place, or not).
    """
    shared = shared_prefix(batch) if len(batch) > 1 else 0
    if shared < SHARED_AT_LEAST:
        shared = 0
    length = max(len(example.ids) for example in batch)
    device = model.get_input_embeddings().weight.device
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    mask = torch.zeros(len(batch), length, dtype=torch.long)
    rows, columns = [], []
    for row, example in enumerate(batch):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        mask[row, : len(example.ids)] = 1
        rows += [row] * len(example.replies)
        columns += example.replies
    targets = ids[rows, columns].to(device)
    # The state before a token is what predicts it.
    before = torch.tensor(columns) - 1 - shared
    ids, mask = ids.to(device), mask.to(device)

    decoder = model.get_decoder()
    if any(getattr(model.config, name, None) for name in LOGIT_TRANSFORMS):
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return functional.cross_entropy(logits[rows, before + shared].float(), targets, reduction="sum")
    if shared:
        cache = DynamicCache(config=model.config)
        decoder(input_ids=ids[:1, :shared], past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(batch))
        hidden = decoder(input_ids=ids[:, shared:], attention_mask=mask, past_key_values=cache,
                         use_cache=True).last_hidden_state
    else:
        hidden = decoder(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state

    states = hidden[torch.tensor(rows), before]
    head = model.get_output_embeddings()

    def head_loss(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(head(states).float(), targets, reduction="sum")

    if len(targets) <= LOGITS_AT_ONCE:
        return head_loss(states, targets)
    # Recomputed in the backward pass rather than kept: logits are the largest tensor of all.
    chunks = zip(states.split(LOGITS_AT_ONCE), targets.split(LOGITS_AT_ONCE))
    return torch.stack([checkpoint(head_loss, *chunk, use_reentrant=False) for chunk in chunks]).sum()
