#include "version.h"

// Vectorised by the compiler: `reassociate` allows it to add floats in another order, nothing else.

ALWAYS float dot(const float *a, const float *b, size_t dimension) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (size_t i = 0; i < dimension; i++) sum += a[i] * b[i];
    return sum;
}

/// Rows fetched ahead where they do not follow each other.
#define AHEAD 6

ALWAYS void scan(
    const int8_t *rows, size_t stride, const uint32_t *numbers, size_t count, const int16_t *query, size_t dimension, int32_t *sums) {
    for (size_t n = 0; n < count; n++) {
        const int8_t *row = rows + stride * (numbers ? numbers[n] : n);
        if (numbers && n + AHEAD < count) {
            const int8_t *next = rows + stride * numbers[n + AHEAD];
            for (size_t byte = 0; byte < dimension; byte += 64) __builtin_prefetch(next + byte);
        }
        int32_t sum = 0;
        for (size_t i = 0; i < dimension; i++) sum += (int32_t)row[i] * (int32_t)query[i];
        sums[n] = sum;
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
AVX2 static float dot_avx2(const float *a, const float *b, size_t dimension) { return dot(a, b, dimension); }

AVX2 static void scan_avx2(
    const int8_t *rows, size_t stride, const uint32_t *numbers, size_t count, const int16_t *query, size_t dimension, int32_t *sums) {
    scan(rows, stride, numbers, count, query, dimension, sums);
}
#endif

float vector_scan_dot(const float *a, const float *b, size_t dimension) {
#if defined(__x86_64__)
    if (vector_scan_version_in_use() != VECTOR_SCAN_PLAIN) return dot_avx2(a, b, dimension);
#endif
    return dot(a, b, dimension);
}

void vector_scan_int8(
    const int8_t *rows, size_t stride, const uint32_t *numbers, size_t count, const int16_t *query, size_t dimension, int32_t *sums) {
#if defined(__x86_64__)
    if (vector_scan_version_in_use() != VECTOR_SCAN_PLAIN) {
        scan_avx2(rows, stride, numbers, count, query, dimension, sums);
        return;
    }
#endif
    scan(rows, stride, numbers, count, query, dimension, sums);
}
