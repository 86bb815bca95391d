// Products of matrices, included once per instruction set: what a Newton step of a design spends its time on.
#pragma once

#include "core/kernels/kernels.hpp"
#include "core/kernels/lanes.hpp"

namespace specsched {
namespace {

// As many columns as keep their sums in registers.
constexpr int product_columns = SPECSCHED_REGISTER_DOUBLES >= 8 ? 8 : SPECSCHED_REGISTER_DOUBLES >= 4 ? 4 : 2;
constexpr std::ptrdiff_t product_run = 128;  // terms whose vectors stay in the cache

// Every entry is summed in the order of k, whatever the tiles: the same bits from every instruction set.
void outer_products(const double* a, const double* b, std::ptrdiff_t size, std::ptrdiff_t count, double* c) {
    for (std::ptrdiff_t begin = 0; begin < count; begin += product_run) {
        const std::ptrdiff_t end = begin + product_run < count ? begin + product_run : count;
        for (std::ptrdiff_t j = 0; j < size; j += product_columns)
            for (std::ptrdiff_t i = j / lane_count * lane_count; i < size; i += lane_count) {
                Lanes sums[product_columns];
                for (int q = 0; q < product_columns; ++q) sums[q] = Lanes::load(c + (j + q) * size + i);
                for (std::ptrdiff_t k = begin; k < end; ++k) {
                    const Lanes x = Lanes::load(a + k * size + i);
                    for (int q = 0; q < product_columns; ++q) sums[q] = sums[q] + x * Lanes(b[k * size + j + q]);
                }
                for (int q = 0; q < product_columns; ++q) sums[q].store(c + (j + q) * size + i);
            }
    }
}

// Columns of a whose products with one column of b are summed side by side, in registers.
constexpr int gram_columns = SPECSCHED_REGISTER_DOUBLES >= 4 ? 4 : 2;

// Row j of C's lower triangle from column i on, `columns` entries at a time; returns where it stopped.
template <int columns>
SPECSCHED_INLINE std::ptrdiff_t gram_entries(const double* a, const double* b, std::ptrdiff_t rows, std::ptrdiff_t i,
                                             std::ptrdiff_t count, double* c) {
    for (; i + columns <= count; i += columns) {
        Lanes sums[columns];
        for (int q = 0; q < columns; ++q) sums[q] = Lanes(0.0);
        for (std::ptrdiff_t k = 0; k < rows; k += lane_count) {
            const Lanes y = Lanes::load(b + k);
            for (int q = 0; q < columns; ++q) sums[q] = sums[q] + Lanes::load(a + (i + q) * rows + k) * y;
        }
        for (int q = 0; q < columns; ++q) c[i + q] += sums[q].sum();
    }
    return i;
}

// Every entry is summed lane by lane in the order of the rows, whatever the tiles: the same bits everywhere.
void gram(const double* a, const double* b, std::ptrdiff_t rows, std::ptrdiff_t count, double* c) {
    for (std::ptrdiff_t j = 0; j < count; ++j) {
        const std::ptrdiff_t i = gram_entries<gram_columns>(a, b + j * rows, rows, j, count, c + j * count);
        gram_entries<1>(a, b + j * rows, rows, i, count, c + j * count);
    }
}

}  // namespace
}  // namespace specsched
