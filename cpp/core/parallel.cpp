#include "core/parallel.hpp"

#include "core/cores.hpp"

#ifdef _OPENMP
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <vector>

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

// How many of `wanted` threads, this one included, run at the same time: libgomp ends the process where it cannot start
// one, so that they are started here first, where a refusal is an exception.
int startable(int wanted) {
    std::mutex mutex;
    std::condition_variable all_counted;
    bool counted = false;
    std::vector<std::thread> others;
    try {
        others.reserve(static_cast<std::size_t>(wanted));
        while (static_cast<int>(others.size()) + 1 < wanted)
            others.emplace_back([&] {
                std::unique_lock<std::mutex> lock(mutex);
                all_counted.wait(lock, [&] { return counted; });
            });
    } catch (const std::system_error&) {  // the limit is reached: make do with those that have started
    } catch (const std::bad_alloc&) {
    }
    {
        const std::lock_guard<std::mutex> lock(mutex);
        counted = true;
    }
    all_counted.notify_all();
    for (std::thread& other : others) other.join();
    return static_cast<int>(others.size()) + 1;
}

// libgomp keeps its threads, a team for every thread that enters a region: each asks once for the most it has needed.
int allowed(int wanted) {
    thread_local int most_asked = 1, most_started = 1;
    if (wanted > most_asked) {
        most_asked = wanted;
        most_started = startable(wanted);
    }
    return std::min(wanted, most_started);
}

std::atomic<int> in_use{0};

int default_threads() {
    int threads = omp_get_max_threads();
    if (!std::getenv("OMP_NUM_THREADS") && cores_allowed() > 0) threads = std::min(threads, cores_allowed());
    return std::max(1, threads - in_use.load(std::memory_order_relaxed));
}

}  // namespace

Team::Team(int threads) : threads_(threads) { in_use.fetch_add(threads_, std::memory_order_relaxed); }
Team::~Team() { in_use.fetch_sub(threads_, std::memory_order_relaxed); }

int resolve_threads(int requested) {
    watch_forks();
    if (in_forked_child.load() || omp_in_parallel()) return 1;
    return allowed(requested > 0 ? requested : default_threads());
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
    team.reserve(static_cast<std::size_t>(threads));
    for (int t = 0; t < threads; ++t)
        team.emplace_back([&] {
            inside_region = true;
            while (true) {
                // Relaxed: the counter must not order bodies, or it would hide their races.
                const std::ptrdiff_t i = next.fetch_add(1, std::memory_order_relaxed);
                if (i >= count) return;
                body(i);
            }
        });
    for (std::thread& member : team) member.join();
}
#else
int resolve_threads(int) { return 1; }
#endif

#ifndef _OPENMP
Team::Team(int threads) : threads_(threads) {}
Team::~Team() = default;
#endif

int resolve_threads_for(double work, int requested) {
    constexpr double worth_a_thread = 1 << 15, worth_busy_cores = 1 << 24;
    if (work < worth_a_thread || (requested == 0 && work < worth_busy_cores && cores_are_busy())) return 1;
    return resolve_threads(requested);
}

}  // namespace specsched
