"""LoRA runs: examples, the loop, checkpoints, and what a run will take."""
