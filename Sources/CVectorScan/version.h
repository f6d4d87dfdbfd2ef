#ifndef ATELIER_CVECTORSCAN_VERSION_H
#define ATELIER_CVECTORSCAN_VERSION_H
#include "CVectorScan.h"

// The same loops compiled for more than one processor on x86-64, chosen when called: for every one (SSE2),
// for those with AVX2, and, where it pays, for those with AVX-512. Elsewhere the compiler's own vectors
// (NEON on arm64) are the only version.
#define ALWAYS static inline __attribute__((always_inline))

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma,popcnt")))
#define AVX512 __attribute__((target("avx2,fma,popcnt,avx512f,avx512vpopcntdq")))
#endif

/// The version in use.
enum vector_scan_version vector_scan_version_in_use(void);

#endif
