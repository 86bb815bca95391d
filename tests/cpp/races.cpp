// Wrong on purpose: both bodies of a parallel region add to the same number. ThreadSanitizer must end this program.

#include <atomic>
#include <cstdio>
#include <thread>

#include "core/parallel.hpp"

int main() {
    double sum = 0.0;
    std::atomic<int> arrived{0};
    specsched::parallel_for(2, 2, [&](std::ptrdiff_t i) {
        // Each thread gets a body; relaxed, so that waiting does not order them.
        arrived.fetch_add(1, std::memory_order_relaxed);
        while (arrived.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
        sum += static_cast<double>(i);
    });
    std::printf("%g: no race was seen\n", sum);
}
