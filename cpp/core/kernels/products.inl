// Sums of outer products, included once per instruction set: what a Newton step of a design spends its time on.
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

}  // namespace
}  // namespace specsched
