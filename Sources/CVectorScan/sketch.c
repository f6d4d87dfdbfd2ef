#include "version.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// RaBitQ: Gao and Long, "RaBitQ: quantizing high-dimensional vectors with a theoretical error bound for
// approximate nearest neighbor search", SIGMOD 2024, with one bit a dimension.

/// Four bits of each query value; a sketch's product with plane j counts 2^j times.
#define PLANES 4
/// Length of what rounding a query to 4 bits takes away, for a query of length 1, that a sketch's deviation
/// reckons with: about 0.12 for values spread like a normal distribution's.
#define ROUNDING 0.15f
/// Bytes fetched ahead: the processor itself does not look beyond a page. A third less time for 100,000 rows.
#define AHEAD 4096

/// One Walsh–Hadamard transform of `count` values, a power of two, to length-preserving scale. The order of
/// the results does not matter, so every level reads two halves and writes pairs, which vectors do well.
ALWAYS void transform(float *values, float *scratch, size_t count) {
    float *from = values, *to = scratch;
    for (size_t left = count; left > 1; left /= 2) {
        for (size_t i = 0; i < count / 2; i++) {
            float a = from[i], b = from[i + count / 2];
            to[2 * i] = a + b;
            to[2 * i + 1] = a - b;
        }
        float *swap = from;
        from = to;
        to = swap;
    }
    float scale = 1 / __builtin_sqrtf((float)count);
    for (size_t i = 0; i < count; i++) values[i] = from[i] * scale;
}

ALWAYS void rotate(float *row, size_t dimension, const float *signs, float *scratch) {
    size_t power = 1;
    while (power * 2 <= dimension) power *= 2;
    size_t half = dimension / 2;
    for (int round = 0; round < 4; round++, signs += dimension) {
        for (size_t i = 0; i < dimension; i++) row[i] *= signs[i];
        // The first so many values and the last so many in turns: together all.
        transform(round % 2 == 0 ? row : row + dimension - power, scratch, power);
        if (power == dimension) continue;
        for (size_t i = 0; i < half; i++) {
            float a = row[i], b = row[i + half];
            row[i] = (a + b) * 0.70710678f;
            row[i + half] = (a - b) * 0.70710678f;
        }
    }
}

void vector_sketch(const float *rotated, size_t dimension, float offset, struct vector_sketch_head *head, uint64_t *words) {
#pragma clang fp reassociate(on)
    float squares = 0, sum = 0;
    for (size_t i = 0; i < dimension; i++) {
        squares += rotated[i] * rotated[i];
        sum += rotated[i] < 0 ? -rotated[i] : rotated[i];
    }
    for (size_t word = 0; word * 64 < dimension; word++) {
        size_t end = dimension - word * 64 < 64 ? dimension - word * 64 : 64;
        uint64_t bits = 0;
        for (size_t i = 0; i < end; i++) bits |= (uint64_t)(rotated[word * 64 + i] > 0) << i;
        words[word] = bits;
    }
    head->offset = offset;
    head->unused = 0;
    if (squares <= 1e-30f) {
        head->factor = head->deviation = 0;
        return;
    }
    // With signs s of length √d, the row o and the query q: ⟨o, q⟩ ≈ |o|² / Σ|oᵢ| × ⟨s, q⟩. The square of
    // the cosine of s and o tells how much of o the signs do not tell.
    float cosine = sum * sum / (squares * (float)dimension);
    float rest = cosine < 1 ? 1 - cosine : 0;
    head->factor = squares / sum;
    head->deviation = head->factor * __builtin_sqrtf(rest + ROUNDING * ROUNDING);
}

ALWAYS float highest_of(const struct vector_sketch_head *head, int64_t differing, const struct vector_sketch_query *query) {
    return query->base + head->offset + head->factor * query->step * (float)(query->full - 2 * (int32_t)differing) +
           head->deviation * query->width;
}

ALWAYS void sketches(const uint8_t *row, size_t stride, size_t count, const struct vector_sketch_query *query, float *highest) {
    for (size_t n = 0; n < count; n++, row += stride) {
        const uint64_t *words = (const uint64_t *)(row + sizeof(struct vector_sketch_head));
        __builtin_prefetch(row + AHEAD);
        int64_t differing = 0;
        for (size_t plane = 0; plane < PLANES; plane++) {
            const uint64_t *other = query->planes + plane * query->words;
            int64_t sum = 0;
            for (size_t word = 0; word < query->words; word++) sum += __builtin_popcountll(words[word] ^ other[word]);
            differing += sum << plane;
        }
        highest[n] = highest_of((const struct vector_sketch_head *)row, differing, query);
    }
}

/// Few values pass, so many are looked at together before one by one.
ALWAYS size_t next_above(const float *values, size_t start, size_t count, float floor) {
    size_t i = start;
    for (; i + 32 <= count; i += 32) {
        int above = 0;
        for (size_t k = 0; k < 32; k++) above |= values[i + k] >= floor;
        if (above) break;
    }
    while (i < count && !(values[i] >= floor)) i++;
    return i;
}

#if defined(__x86_64__)
AVX2 static size_t next_above_avx2(const float *values, size_t start, size_t count, float floor) {
    return next_above(values, start, count, floor);
}

AVX2 static void sketches_avx2(const uint8_t *row, size_t stride, size_t count, const struct vector_sketch_query *query, float *highest) {
    sketches(row, stride, count, query, highest);
}

AVX2 static void rotate_avx2(float *row, size_t dimension, const float *signs, float *scratch) { rotate(row, dimension, signs, scratch); }

/// The parts of eight words where the row's signs and the query's planes differ, each plane with its weight.
#define DIFFERING(bits, a, b, c, d)                                                                                                       \
    _mm512_add_epi64(                                                                                                                     \
        _mm512_add_epi64(                                                                                                                 \
            _mm512_popcnt_epi64(_mm512_xor_si512(bits, a)), _mm512_slli_epi64(_mm512_popcnt_epi64(_mm512_xor_si512(bits, b)), 1)),        \
        _mm512_add_epi64(                                                                                                                 \
            _mm512_slli_epi64(_mm512_popcnt_epi64(_mm512_xor_si512(bits, c)), 2),                                                         \
            _mm512_slli_epi64(_mm512_popcnt_epi64(_mm512_xor_si512(bits, d)), 3)))

/// Eight sums of eight values each.
AVX512 static inline __m512i sums_of(const __m512i *v) {
    __m512i pairs[4], quads[2];
    for (int i = 0; i < 4; i++)
        pairs[i] = _mm512_add_epi64(_mm512_unpacklo_epi64(v[2 * i], v[2 * i + 1]), _mm512_unpackhi_epi64(v[2 * i], v[2 * i + 1]));
    for (int i = 0; i < 2; i++)
        quads[i] = _mm512_add_epi64(
            _mm512_shuffle_i64x2(pairs[2 * i], pairs[2 * i + 1], 0x88), _mm512_shuffle_i64x2(pairs[2 * i], pairs[2 * i + 1], 0xdd));
    // Rows 0 1 0 1 2 3 2 3 and 4 5 4 5 6 7 6 7.
    return _mm512_add_epi64(_mm512_shuffle_i64x2(quads[0], quads[1], 0x88), _mm512_shuffle_i64x2(quads[0], quads[1], 0xdd));
}

AVX512 static void sketches_avx512(const uint8_t *row, size_t stride, size_t count, const struct vector_sketch_query *query, float *highest) {
    size_t words = query->words;
    const uint64_t *planes = query->planes;
    for (size_t n = 0; n < count; n += 8, row += 8 * stride) {
        size_t rows = count - n < 8 ? count - n : 8;
        __m512i sums[8];
        for (size_t i = 0; i < 8; i++) {
            sums[i] = _mm512_setzero_si512();
            __builtin_prefetch(row + i * stride + AHEAD);
        }
        for (size_t word = 0; word < words; word += 8) {
            __mmask8 mask = words - word < 8 ? (__mmask8)((1u << (words - word)) - 1) : 0xff;
            __m512i first = _mm512_maskz_loadu_epi64(mask, planes + word);
            __m512i second = _mm512_maskz_loadu_epi64(mask, planes + words + word);
            __m512i third = _mm512_maskz_loadu_epi64(mask, planes + 2 * words + word);
            __m512i fourth = _mm512_maskz_loadu_epi64(mask, planes + 3 * words + word);
            for (size_t i = 0; i < 8; i++) {
                const uint8_t *bits = row + (i < rows ? i : 0) * stride + sizeof(struct vector_sketch_head) + word * 8;
                __m512i mine = _mm512_maskz_loadu_epi64(mask, bits);
                sums[i] = _mm512_add_epi64(sums[i], DIFFERING(mine, first, second, third, fourth));
            }
        }
        int64_t differing[8];
        _mm512_storeu_si512(differing, sums_of(sums));
        for (size_t i = 0; i < rows; i++)
            highest[n + i] = highest_of((const struct vector_sketch_head *)(row + i * stride), differing[i], query);
    }
}
#endif

void vector_rotate(float *row, size_t dimension, const float *signs, float *scratch) {
#if defined(__x86_64__)
    if (vector_scan_version_in_use() != VECTOR_SCAN_PLAIN) {
        rotate_avx2(row, dimension, signs, scratch);
        return;
    }
#endif
    rotate(row, dimension, signs, scratch);
}

void vector_scan_sketches(const void *rows, size_t stride, size_t count, const struct vector_sketch_query *query, float *highest) {
#if defined(__x86_64__)
    switch (vector_scan_version_in_use()) {
    case VECTOR_SCAN_AVX512: sketches_avx512(rows, stride, count, query, highest); return;
    case VECTOR_SCAN_AVX2: sketches_avx2(rows, stride, count, query, highest); return;
    default: break;
    }
#endif
    sketches(rows, stride, count, query, highest);
}

size_t vector_next_above(const float *values, size_t start, size_t count, float floor) {
#if defined(__x86_64__)
    if (vector_scan_version_in_use() != VECTOR_SCAN_PLAIN) return next_above_avx2(values, start, count, floor);
#endif
    return next_above(values, start, count, floor);
}
