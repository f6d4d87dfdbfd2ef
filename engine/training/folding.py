"""A DoRA adapter as the LoRA adapter that comes closest to it.

llama.cpp serves ΔW = s·BA. DoRA's change of a weight W [out, in] is

    ΔW = (m / ‖W + sBA‖ − 1) ∘ W + m / ‖W + sBA‖ ∘ sBA        (Liu et al. 2024, eq. 5; norms by row)

whose first part has full rank, though a small one. Its best approximation of rank R is the
truncated singular value decomposition (Eckart and Young 1936).
"""

import torch


def change(module, adapter: str) -> torch.Tensor:
    """ΔW of a PEFT layer with DoRA, [out, in]."""
    weight = module.base_layer.weight.float()
    low_rank = module.scaling[adapter] * module.lora_B[adapter].weight @ module.lora_A[adapter].weight
    moved = weight + low_rank
    magnitude = module.lora_magnitude_vector[adapter].weight
    return moved * (magnitude / moved.norm(dim=1)).unsqueeze(1) - weight


@torch.inference_mode()
def fold(model, adapter: str, rank: int, seed: int) -> tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], float]:
    """(A [R, in], B [out, R]) by module name, scale 1; and ‖rest‖/‖ΔW‖ over all modules."""
    torch.manual_seed(seed)  # of the randomised decomposition
    folded, lost, whole = {}, 0.0, 0.0
    for name, module in model.named_modules():
        if adapter not in getattr(module, "lora_magnitude_vector", {}):
            continue
        delta = change(module, adapter)
        kept = min(rank, *delta.shape)
        u, s, v = torch.svd_lowrank(delta, q=min(kept + 8, *delta.shape), niter=4)
        u, s, v = u[:, :kept], s[:kept], v[:, :kept]
        half = s.sqrt()
        folded[name] = ((v * half).T.contiguous(), (u * half).contiguous())
        whole += delta.square().sum().item()
        lost += (delta - folded[name][1] @ folded[name][0]).square().sum().item()
    return folded, (lost / max(whole, 1e-30)) ** 0.5
