"""What a run uses: memory, processor time, disk."""

import resource
import sys
from pathlib import Path


def resident(field: str) -> int:
    """VmRSS or VmHWM of this process in bytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    # Elsewhere the peak alone is known: bytes on macOS, KiB on other systems.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Resources:
    """Counts over all members of a team; make it when the model is loaded."""

    def __init__(self, team, folder: Path):
        self.team, self.folder = team, folder
        self.loaded_bytes = resident("VmRSS")

    @staticmethod
    def cpu() -> float:
        return cpu_seconds()

    def used(self) -> dict:
        import torch

        device = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        found = self.team.gather((resident("VmHWM"), cpu_seconds(), device))
        record = {
            "peak_memory_bytes": sum(peak for peak, _, _ in found), "cpu_seconds": round(sum(seconds for _, seconds, _ in found), 3),
            "disk_bytes": sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()),
        }
        return record if device is None else record | {"peak_device_memory_bytes": sum(bytes for _, _, bytes in found)}
