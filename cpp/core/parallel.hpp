// OpenMP shim: kernels carry no #ifdef, and every parallel region names its thread count.
#pragma once

#include <cstddef>
#include <exception>
#ifdef SPECSCHED_PLAIN_THREADS
#include <functional>
#endif
#include <mutex>

namespace specsched {

// Threads to use: `requested`, or the default for 0, and no more than the system lets this thread start;
// 1 in a child forked after a parallel region, where libgomp would hang, and inside another parallel region.
// The default is that of OpenMP (OMP_NUM_THREADS, or the cores that the process may run on and, in a container, may use
// up), less what other regions of this process, started by other threads of it, use already.
int resolve_threads(int requested);

// The same for a problem of `work` elementary operations, each about a nanosecond. A region is worth its start from some
// 30 microseconds on. Where the cores are busy, and the user has not said how many threads to take, small problems are
// those up to 16 milliseconds: a region waits for its last thread, and that one for its turn, which took 40 ms in place of
// .1 beside twenty other programs on two cores.
int resolve_threads_for(double work, int requested);

// Marks the threads of a region as used while it lives.
class Team {
  public:
    explicit Team(int threads);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

  private:
    int threads_;
};

#ifdef SPECSCHED_PLAIN_THREADS
// What parallel_for does where ThreadSanitizer watches: it does not see the barriers of libgomp and would report every
// region, so the same bodies run on std::thread.
void run_on_threads(std::ptrdiff_t count, int threads, const std::function<void(std::ptrdiff_t)>& body);
#endif

// The exception that leaves a parallel region, in which none may pass the end of a body: that of the lowest index.
class FirstException {
  public:
    template <class Body>
    void guard(std::ptrdiff_t index, const Body& body) {
        try {
            body(index);
        } catch (...) {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!caught_ || index < index_) {
                caught_ = std::current_exception();
                index_ = index;
            }
        }
    }
    void rethrow() const {
        if (caught_) std::rethrow_exception(caught_);
    }

  private:
    std::mutex mutex_;
    std::exception_ptr caught_;
    std::ptrdiff_t index_ = 0;
};

// Calls body(i) for i in [0, count). The order of the calls is unspecified: bodies write to their own slots,
// and the caller combines the slots in order, so that results do not depend on the thread count.
// Where bodies throw, the exception of the lowest index reaches the caller once all are done.
template <class Body>
void parallel_for(std::ptrdiff_t count, int threads, const Body& body) {
    if (threads <= 1 || count <= 1) {
        for (std::ptrdiff_t i = 0; i < count; ++i) body(i);
        return;
    }
    FirstException thrown;
    const Team team(threads);
#ifdef SPECSCHED_PLAIN_THREADS
    run_on_threads(count, threads, [&](std::ptrdiff_t i) { thrown.guard(i, body); });
#else
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
#endif
    for (std::ptrdiff_t i = 0; i < count; ++i) thrown.guard(i, body);
#endif
    thrown.rethrow();
}

}  // namespace specsched
