// Products of matrices, included once per instruction set: what a Newton step of a design spends its time on, and what
// modes are summed with.
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

// A few blocks of rows, from block i on, and a few columns of C, in registers. No block lies past the last rows.
template <int blocks, int columns>
SPECSCHED_INLINE void product_tile(const MatrixProduct& p, std::ptrdiff_t i, std::ptrdiff_t j) {
    const std::ptrdiff_t last = p.rows - lane_count;
    std::ptrdiff_t row[blocks];
    for (int r = 0; r < blocks; ++r) row[r] = (i + r) * lane_count < last ? (i + r) * lane_count : last;
    Lanes sums[blocks * columns];
    for (Lanes& sum : sums) sum = Lanes(0.0);
    const double* a = p.a;
    const double* b = p.b + j * p.b_column;
    for (std::ptrdiff_t k = 0; k < p.inner; ++k, a += p.a_column, b += p.b_row)
        for (int r = 0; r < blocks; ++r) {
            const Lanes x = Lanes::load(a + row[r]);
            for (int q = 0; q < columns; ++q)
                sums[r * columns + q] = sums[r * columns + q] + x * Lanes(b[q * p.b_column]);
        }
    for (int r = 0; r < blocks; ++r)
        for (int q = 0; q < columns; ++q) sums[r * columns + q].store(p.c + row[r] + (j + q) * p.c_column);
}

// Entries of C that make no block.
void product_entries(const MatrixProduct& p) {
    for (std::ptrdiff_t j = 0; j < p.columns; ++j)
        for (std::ptrdiff_t i = 0; i < p.rows; ++i) {
            double sum = 0.0;
            for (std::ptrdiff_t k = 0; k < p.inner; ++k)
                sum = sum + p.a[i + k * p.a_column] * p.b[k * p.b_row + j * p.b_column];
            p.c[i + j * p.c_column] = sum;
        }
}

// Every entry is summed in the order of k, whatever the tiles: the same bits from every instruction set. The last block
// of rows ends with the last row, and makes some entries twice.
SPECSCHED_FLATTEN void product(const MatrixProduct& p) {
    if (p.rows < lane_count) {
        product_entries(p);
        return;
    }
    const std::ptrdiff_t blocks = (p.rows + lane_count - 1) / lane_count;
    std::ptrdiff_t j = 0;
    for (; j + gram_columns <= p.columns; j += gram_columns)
        for (std::ptrdiff_t i = 0; i < blocks; ++i) product_tile<1, gram_columns>(p, i, j);
    // Of a single column, blocks side by side: they hide the time that an addition takes.
    for (; j < p.columns; ++j) {
        std::ptrdiff_t i = 0;
        for (; i + 2 < blocks; i += 4) product_tile<4, 1>(p, i, j);
        for (; i < blocks; i += 2) product_tile<2, 1>(p, i, j);
    }
}

}  // namespace
}  // namespace specsched
