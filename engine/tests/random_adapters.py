"""Adapters that say nothing sensible, each something else: for tests and benches of serving many.

    python engine/tests/random_adapters.py --base data/models/smollm2-135m-instruct/model.gguf --count 8 --out DIR

Writes DIR/0.gguf, DIR/1.gguf, …: random LoRA matrices for all linear layers, the same for the same seed.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np


def shapes(base: Path) -> list[tuple[str, int, int]]:
    """Name, inputs and outputs of every linear layer of a block."""
    tensors = gguf.GGUFReader(base).tensors
    wanted = [t for t in tensors if t.name.startswith("blk.") and t.name.endswith(".weight") and "norm" not in t.name]
    return [(t.name, int(t.shape[0]), int(t.shape[1])) for t in wanted]


def write(path: Path, base: Path, seed: int, rank: int = 16, strength: float = 0.12, dtype=np.float16) -> None:
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 2.0 * rank)
    for name, inputs, outputs in shapes(base):
        writer.add_tensor(f"{name}.lora_a", (random.standard_normal((rank, inputs), np.float32) * inputs**-0.5).astype(dtype))
        writer.add_tensor(f"{name}.lora_b", (random.standard_normal((outputs, rank), np.float32) * strength * rank**-0.5).astype(dtype))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="the base model, GGUF")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rank", type=int, default=16)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.count):
        write(arguments.out / f"{seed}.gguf", arguments.base, seed, arguments.rank)


if __name__ == "__main__":
    main()
