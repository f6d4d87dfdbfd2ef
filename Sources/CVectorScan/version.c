#include "version.h"
#include <stdatomic.h>

static _Atomic int chosen = -1;

int vector_scan_has(enum vector_scan_version version) {
    if (version == VECTOR_SCAN_PLAIN) return 1;
#if defined(__x86_64__)
    // Asks the operating system too: the registers have to be kept when a thread is switched.
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt");
    if (version == VECTOR_SCAN_AVX2) return avx2;
    if (version == VECTOR_SCAN_AVX512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq");
#endif
    return 0;
}

void vector_scan_use(enum vector_scan_version version) { atomic_store_explicit(&chosen, (int)version, memory_order_relaxed); }

enum vector_scan_version vector_scan_version_in_use(void) {
    int version = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (version >= 0) return (enum vector_scan_version)version;
    version = VECTOR_SCAN_AVX512;
    while (!vector_scan_has((enum vector_scan_version)version)) version++;
    vector_scan_use((enum vector_scan_version)version);
    return (enum vector_scan_version)version;
}
