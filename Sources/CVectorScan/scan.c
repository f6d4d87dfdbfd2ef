#include "CVectorScan.h"

// The same loops compiled twice on x86-64: for every processor (SSE2), and for those with AVX2, chosen
// when called. Elsewhere the compiler's own vectors (NEON on arm64) are the only version. Vectorised by
// the compiler: `reassociate` allows it to add floats in another order, nothing else.
#define ALWAYS static inline __attribute__((always_inline))

ALWAYS float dot(const float *a, const float *b, size_t dimension) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (size_t i = 0; i < dimension; i++) sum += a[i] * b[i];
    return sum;
}

ALWAYS void scan(const int8_t *rows, size_t stride, size_t count, const int16_t *query, size_t dimension, int32_t *sums) {
    for (size_t row = 0; row < count; row++, rows += stride) {
        int32_t sum = 0;
        for (size_t i = 0; i < dimension; i++) sum += (int32_t)rows[i] * (int32_t)query[i];
        sums[row] = sum;
    }
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma")))

AVX2 static float dot_avx2(const float *a, const float *b, size_t dimension) { return dot(a, b, dimension); }

AVX2 static void scan_avx2(const int8_t *rows, size_t stride, size_t count, const int16_t *query, size_t dimension, int32_t *sums) {
    scan(rows, stride, count, query, dimension, sums);
}

static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif

float vector_scan_dot(const float *a, const float *b, size_t dimension) {
#if defined(__x86_64__)
    if (has_avx2()) return dot_avx2(a, b, dimension);
#endif
    return dot(a, b, dimension);
}

void vector_scan_int8(const int8_t *rows, size_t stride, size_t count, const int16_t *query, size_t dimension, int32_t *sums) {
#if defined(__x86_64__)
    if (has_avx2()) {
        scan_avx2(rows, stride, count, query, dimension, sums);
        return;
    }
#endif
    scan(rows, stride, count, query, dimension, sums);
}
