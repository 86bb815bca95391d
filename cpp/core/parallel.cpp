#include "core/parallel.hpp"

#ifdef _OPENMP
#include <omp.h>

#include <atomic>
#include <mutex>

#if !defined(_WIN32)
#include <pthread.h>
#endif
#endif

namespace specsched {

#ifdef _OPENMP
namespace {

std::atomic<bool> in_forked_child{false};

#if !defined(_WIN32)
void mark_child() { in_forked_child.store(true); }
#endif

void watch_forks() {
#if !defined(_WIN32)
    static std::once_flag once;
    std::call_once(once, [] { pthread_atfork(nullptr, nullptr, mark_child); });
#endif
}

}  // namespace

int resolve_threads(int requested) {
    watch_forks();
    if (in_forked_child.load() || omp_in_parallel()) return 1;
    return requested > 0 ? requested : omp_get_max_threads();
}
#else
int resolve_threads(int) { return 1; }
#endif

}  // namespace specsched
