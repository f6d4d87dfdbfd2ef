#ifndef ATELIER_CVECTORSCAN_H
#define ATELIER_CVECTORSCAN_H
#include <stddef.h>
#include <stdint.h>

/// Inner product of two float rows.
float vector_scan_dot(const float *a, const float *b, size_t dimension);

/// Inner products of one 16-bit query with `count` rows of 8-bit values, `stride` bytes apart. The caller
/// sees to it that no sum leaves 32 bits.
void vector_scan_int8(const int8_t *rows, size_t stride, size_t count, const int16_t *query, size_t dimension, int32_t *sums);

/// Rounds a row to bytes: value ≈ scale × byte.
///
/// \param error length of what rounding took away.
void vector_quantise(const float *row, size_t dimension, int8_t *bytes, float *scale, float *error);

#endif
