"""The loss of a language model on the assistant's replies, and nothing it need not compute.

Four savings, none of which changes the result:

* The head (49,000 rows) is computed at reply positions alone.
* What all examples of a batch begin with, such as the system prompt, runs once.
* Examples lie behind one another without padding (packing.py).
* A batch is split by a token budget and its gradients are summed, so memory is
  bounded whatever the lengths are.
"""

from collections.abc import Iterator

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from training import packing
from training.conversations import Example
from training.packing import shared_prefix

TOKENS_AT_ONCE = 2048  # padded tokens in one pass; about 3 GB of activations for the default model
LOGITS_AT_ONCE = 1024  # reply tokens in one head computation; 200 MB of logits each
SHARED_AT_LEAST = 8  # tokens; below, sharing costs more than it saves

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


def summed_loss(model: PreTrainedModel, batch: list[Example]) -> torch.Tensor:
    """Negative log-likelihood in nats, summed over the reply tokens of the batch.

    `model` is the plain causal language model (with LoRA layers in place, or not).
    """
    device = model.get_input_embeddings().weight.device
    if any(getattr(model.config, name, None) for name in LOGIT_TRANSFORMS) or not packing.can_pack(model):
        return padded_loss(model, batch, device)
    shared = shared_prefix(batch) if len(batch) > 1 else 0
    packed = packing.pack(batch, shared if shared >= SHARED_AT_LEAST else 0, device)
    states, targets = packing.hidden_states(model, packed)[packed.before], packed.targets
    head = model.get_output_embeddings()

    def head_loss(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(head(states).float(), targets, reduction="sum")

    if len(targets) <= LOGITS_AT_ONCE:
        return head_loss(states, targets)
    # Recomputed in the backward pass rather than kept: logits are the largest tensor of all.
    chunks = zip(states.split(LOGITS_AT_ONCE), targets.split(LOGITS_AT_ONCE))
    return torch.stack([checkpoint(head_loss, *chunk, use_reentrant=False) for chunk in chunks]).sum()


@torch.no_grad()
def example_losses(model: PreTrainedModel, batch: list[Example]) -> list[float]:
    """The same for each example by itself, in the batch's order; without gradients."""
    device = model.get_input_embeddings().weight.device
    if any(getattr(model.config, name, None) for name in LOGIT_TRANSFORMS) or not packing.can_pack(model):
        return [padded_loss(model, [example], device).item() for example in batch]
    shared = shared_prefix(batch) if len(batch) > 1 else 0
    packed = packing.pack(batch, shared if shared >= SHARED_AT_LEAST else 0, device)
    states, targets = packing.hidden_states(model, packed)[packed.before], packed.targets
    head = model.get_output_embeddings()
    losses = torch.cat([functional.cross_entropy(head(some).float(), wanted, reduction="none")
                        for some, wanted in zip(states.split(LOGITS_AT_ONCE), targets.split(LOGITS_AT_ONCE))])
    return [one.double().sum().item() for one in losses.split([len(example.replies) for example in batch])]


def padded_loss(model: PreTrainedModel, batch: list[Example], device: torch.device) -> torch.Tensor:
    """The same for any causal model: padded on the right, the whole model called, its logits
    kept at reply positions where the model can do that."""
    length = max(len(example.ids) for example in batch)
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    mask = torch.zeros(len(batch), length, dtype=torch.long)
    rows, columns = [], []
    for row, example in enumerate(batch):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        mask[row, : len(example.ids)] = 1
        rows += [row] * len(example.replies)
        columns += example.replies
    wanted = sorted({column - 1 for column in columns})
    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False,
                   logits_to_keep=torch.tensor(wanted, device=device)).logits
    at = {column: index for index, column in enumerate(wanted)} if logits.shape[1] == len(wanted) else {c: c for c in wanted}
    return functional.cross_entropy(logits[rows, [at[column - 1] for column in columns]].float(), ids[rows, columns].to(device),
                                    reduction="sum")
