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

void vector_quantise(const float *row, size_t dimension, int8_t *bytes, float *scale, float *error) {
#pragma clang fp reassociate(on)
    // A row of zeros has a scale too.
    float largest = 1e-30f;
    for (size_t i = 0; i < dimension; i++) {
        float size = row[i] < 0 ? -row[i] : row[i];
        largest = size > largest ? size : largest;
    }
    *scale = largest / 127;
    float inverse = 127 / largest;
    float squares = 0;
    for (size_t i = 0; i < dimension; i++) {
        // To the nearest, without a call of the library; |value| is at most 127.5 before the cut.
        float value = row[i] * inverse;
        int32_t nearest = (int32_t)(value + (value < 0 ? -0.5f : 0.5f));
        nearest = nearest > 127 ? 127 : nearest < -127 ? -127 : nearest;
        bytes[i] = (int8_t)nearest;
        float lost = row[i] - (float)nearest * *scale;
        squares += lost * lost;
    }
    *error = __builtin_sqrtf(squares);
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
