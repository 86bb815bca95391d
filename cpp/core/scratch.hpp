// Memory of one thread, kept between calls and aligned to a cache line: a wide store across two lines costs twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace specsched {

inline double* thread_scratch(std::ptrdiff_t size) {
    constexpr std::uintptr_t line = 64;
    thread_local std::vector<double> scratch;
    const std::size_t wanted = static_cast<std::size_t>(size) + line / sizeof(double);
#ifdef __SANITIZE_ADDRESS__
    ASAN_UNPOISON_MEMORY_REGION(scratch.data(), scratch.size() * sizeof(double));
#endif
    if (scratch.size() < wanted) scratch.resize(wanted);
    const auto address = reinterpret_cast<std::uintptr_t>(scratch.data());
    double* const memory = scratch.data() + (line - address % line) % line / sizeof(double);
#ifdef __SANITIZE_ADDRESS__
    // What this call did not ask for: the memory belongs to the program, so the sanitizer must be told.
    ASAN_POISON_MEMORY_REGION(scratch.data(), (memory - scratch.data()) * sizeof(double));
    ASAN_POISON_MEMORY_REGION(memory + size, (scratch.data() + scratch.size() - (memory + size)) * sizeof(double));
#endif
    return memory;
}

}  // namespace specsched
