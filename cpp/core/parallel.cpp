#include "core/parallel.hpp"

#ifdef _OPENMP
#include <omp.h>

#include <atomic>
#include <mutex>

#if !defined(_WIN32)
#include <pthread.h>
#endif
#endif

#ifdef SPECSCHED_PLAIN_THREADS
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>
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
#elif defined(SPECSCHED_PLAIN_THREADS)
namespace {

thread_local bool inside_region = false;

}  // namespace

int resolve_threads(int requested) {
    if (inside_region) return 1;
    return requested > 0 ? requested : static_cast<int>(std::max(2U, std::thread::hardware_concurrency()));
}

void run_on_threads(std::ptrdiff_t count, int threads, const std::function<void(std::ptrdiff_t)>& body) {
    std::atomic<std::ptrdiff_t> next{0};
    std::vector<std::thread> team;
    for (int t = 0; t < threads; ++t)
        team.emplace_back([&] {
            inside_region = true;
            for (std::ptrdiff_t i = next++; i < count; i = next++) body(i);
        });
    for (std::thread& member : team) member.join();
}
#else
int resolve_threads(int) { return 1; }
#endif

}  // namespace specsched
