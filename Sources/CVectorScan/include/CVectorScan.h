#ifndef ATELIER_CVECTORSCAN_H
#define ATELIER_CVECTORSCAN_H
#include <stddef.h>
#include <stdint.h>

/// The versions of the loops, best first. The best that the processor has is used; tests compare them all.
enum vector_scan_version { VECTOR_SCAN_AVX512 = 0, VECTOR_SCAN_AVX2 = 1, VECTOR_SCAN_PLAIN = 2 };

/// Whether this processor has what a version needs.
int vector_scan_has(enum vector_scan_version version);

/// Makes the loops use a version that the processor has, in this process. For tests.
void vector_scan_use(enum vector_scan_version version);

/// Inner product of two float rows.
float vector_scan_dot(const float *a, const float *b, size_t dimension);

/// Inner products of one 16-bit query with `count` rows of 8-bit values, `stride` bytes apart. The caller
/// sees to it that no sum leaves 32 bits.
///
/// \param rows where row 0's values begin.
/// \param numbers the rows wanted; NULL for the first `count`.
void vector_scan_int8(
    const int8_t *rows, size_t stride, const uint32_t *numbers, size_t count, const int16_t *query, size_t dimension, int32_t *sums);

/// Rounds a row to bytes: value ≈ scale × byte.
///
/// \param error length of what rounding took away.
void vector_quantise(const float *row, size_t dimension, int8_t *bytes, float *scale, float *error);

/// Turns a row in place: an orthogonal map made of sign changes, Walsh–Hadamard transforms and sums and
/// differences of the two halves.
///
/// \param signs four rows of `dimension` values +1 or −1, that choose the map.
/// \param scratch `dimension` floats.
void vector_rotate(float *row, size_t dimension, const float *signs, float *scratch);

/// A row's sketch: three floats, then its signs as bits (see `SketchRow`).
struct vector_sketch_head {
    /// What the sketch does not estimate: ⟨row − centre, centre⟩.
    float offset;
    /// From the product of signs and query to the product of the rows.
    float factor;
    /// The estimate's standard deviation for a query of length 1.
    float deviation;
    uint32_t unused;
};

/// Sketches a row.
///
/// \param rotated row − centre, turned.
/// \param words ⌈dimension / 64⌉ words of signs.
void vector_sketch(const float *rotated, size_t dimension, float offset, struct vector_sketch_head *head, uint64_t *words);

/// A query for sketches: every value of the turned query is step × (2 u − 15) for u of 4 bits.
struct vector_sketch_query {
    /// Bit j of all values, one plane of `words` words after the other.
    const uint64_t *planes;
    size_t words;
    /// 15 × dimension.
    int32_t full;
    float step;
    /// What all estimates have in common: ⟨query, centre⟩.
    float base;
    /// How many standard deviations an estimate may be off, times the query's length.
    float width;
};

/// What the product of the query with each of `count` sketched rows is at most, but for the tail beyond
/// `width`.
///
/// \param rows where row 0's head begins; rows are `stride` bytes apart, a multiple of 16.
void vector_scan_sketches(const void *rows, size_t stride, size_t count, const struct vector_sketch_query *query, float *highest);

/// The first place from `start` on with a value of at least `floor`; `count` where there is none.
size_t vector_next_above(const float *values, size_t start, size_t count, float floor);

#endif
