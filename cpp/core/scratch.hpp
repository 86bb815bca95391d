// Memory of one thread, kept between calls and aligned to a cache line: a wide store across two lines costs twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace specsched {

inline double* thread_scratch(std::ptrdiff_t size) {
    constexpr std::uintptr_t line = 64;
    thread_local std::vector<double> scratch;
    const std::size_t wanted = static_cast<std::size_t>(size) + line / sizeof(double);
    if (scratch.size() < wanted) scratch.resize(wanted);
    const auto address = reinterpret_cast<std::uintptr_t>(scratch.data());
    return scratch.data() + (line - address % line) % line / sizeof(double);
}

}  // namespace specsched
