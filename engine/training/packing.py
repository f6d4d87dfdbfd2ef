"""Several examples as one sequence without padding, their common beginning once.

Linear layers, norms and the embedding see `shared + Σ (length − shared)` tokens and nothing else.
Only attention needs to know which token belongs to which example: there each example's queries
see the common beginning and what of their own comes before them. That is done in one padded
batch of queries, keys and values, which are a small part of the arithmetic.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from serving.export_gguf import ARCHITECTURES
from training.conversations import Example

ATTENTION = "atelier_packed"


@dataclass
class Packing:
    """Where the tokens of a pack lie. T: all tokens; B examples of at most L tokens after the
    `shared` first ones."""

    ids: torch.Tensor  # [T]
    positions: torch.Tensor  # [T], within each example
    shared: int
    shape: tuple[int, int]  # B, L
    padded_from: torch.Tensor  # [B·L] positions after the shared ones; 0 where padding is
    packed_from: torch.Tensor  # [T − shared] positions among B·L
    padding: torch.Tensor  # positions among B·L that hold nothing
    mask: torch.Tensor | None  # [L, shared + L]; None where plain causal says it
    targets: torch.Tensor  # reply tokens
    before: torch.Tensor  # [len(targets)] the positions that predict them


def shared_prefix(batch: list[Example]) -> int:
    """How many first tokens all examples share, before the position that predicts
    the earliest reply token."""
    limit = min(example.replies[0] - 1 for example in batch)
    first = batch[0].ids
    for index in range(limit):
        if any(example.ids[index] != first[index] for example in batch):
            return index
    return limit


def pack(batch: list[Example], shared: int, device: torch.device) -> Packing:
    rests = [len(example.ids) - shared for example in batch]
    longest = max(rests)
    ids, positions = list(batch[0].ids[:shared]), list(range(shared))
    padded_from, packed_from, padding, targets, before = [], [], [], [], []
    for row, (example, rest) in enumerate(zip(batch, rests)):
        offset = len(ids) - shared
        ids += example.ids[shared:]
        positions += range(shared, shared + rest)
        padded_from += [*range(offset, offset + rest), *[0] * (longest - rest)]
        packed_from += range(row * longest, row * longest + rest)
        padding += range(row * longest + rest, (row + 1) * longest)
        targets += [example.ids[position] for position in example.replies]
        # The state before a token is what predicts it; the last shared one predicts for all.
        before += [offset + position - 1 if position > shared else position - 1 for position in example.replies]
    mask = torch.ones(longest, shared + longest, dtype=torch.bool, device=device).tril(shared) if shared else None

    def tensor(values: list[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    return Packing(tensor(ids), tensor(positions), shared, (len(batch), longest), tensor(padded_from), tensor(packed_from),
                   tensor(padding), mask, tensor(targets), tensor(before))


class Pad(torch.autograd.Function):
    """[T − shared, …] → [B·L, …]; every token goes to one place, so both ways are gathers."""

    @staticmethod
    def forward(context, packed, packing):
        context.packing = packing
        return packed.index_select(0, packing.padded_from)

    @staticmethod
    def backward(context, gradient):
        return gradient.index_select(0, context.packing.packed_from), None


class Unpad(torch.autograd.Function):
    """[B·L, …] → [T − shared, …]."""

    @staticmethod
    def forward(context, padded, packing):
        context.packing = packing
        return padded.index_select(0, packing.packed_from)

    @staticmethod
    def backward(context, gradient):
        padded = gradient.index_select(0, context.packing.padded_from)
        return padded.index_fill_(0, context.packing.padding, 0), None


def attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, packing: Packing | None = None, **options):
    """Transformers' attention interface: query [1, heads, T, d] → [1, T, heads, d]."""
    if packing is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **options)
    examples, longest = packing.shape
    shared = packing.shared
    grouped = query.shape[1] != key.shape[1]

    def attend(query, key, value, mask):
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout if module.training else 0.0, scale=scaling, is_causal=mask is None,
            enable_gqa=grouped)

    def padded(states):  # [1, heads, T, d] → [B, heads, L, d]
        rest = Pad.apply(states[0].transpose(0, 1)[shared:], packing)
        return rest.view(examples, longest, *rest.shape[1:]).transpose(1, 2)

    def with_shared(states):  # [1, heads, T, d] → [B, heads, shared + L, d]
        if not shared:
            return padded(states)
        return torch.cat([states[:, :, :shared].expand(examples, -1, -1, -1), padded(states)], 2)

    found = attend(padded(query), with_shared(key), with_shared(value), packing.mask)
    found = Unpad.apply(found.transpose(1, 2).reshape(examples * longest, *query.shape[1:2], query.shape[3]), packing)
    if shared:
        first = attend(query[:, :, :shared], key[:, :, :shared], value[:, :, :shared], None)
        found = torch.cat([first[0].transpose(0, 1), found])
    return found[None], None


AttentionInterface.register(ATTENTION, attention)


def can_pack(model) -> bool:
    """Whether its attention is plain causal self-attention through transformers' interface, as that of all we know is."""
    config = model.config
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    return config.model_type in ARCHITECTURES and not window


def hidden_states(model, packing: Packing) -> torch.Tensor:
    """The decoder's last states, [T, hidden]."""
    if model.config._attn_implementation != ATTENTION:
        model.set_attn_implementation(ATTENTION)
    # A mask of four dimensions is taken as it is, and ours is in `packing`.
    mask = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=packing.ids.device)
    return model.get_decoder()(input_ids=packing.ids[None], position_ids=packing.positions[None], attention_mask=mask, use_cache=False,
                               packing=packing).last_hidden_state[0]
