// OpenMP shim: kernels carry no #ifdef, and every parallel region names its thread count.
#pragma once

#include <cstddef>
#include <exception>
#ifdef SPECSCHED_PLAIN_THREADS
#include <functional>
#endif
#include <mutex>

namespace specsched {

// Threads to use: `requested`, or the OpenMP default for 0, and no more than the system lets this thread start;
// 1 in a child forked after a parallel region, where libgomp would hang, and inside another parallel region.
int resolve_threads(int requested);

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
