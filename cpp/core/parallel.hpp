// OpenMP shim: kernels carry no #ifdef, and every parallel region names its thread count.
#pragma once

#include <cstddef>
#ifdef SPECSCHED_PLAIN_THREADS
#include <functional>
#endif

namespace specsched {

// Threads to use: `requested`, or the OpenMP default for 0; 1 in a child forked after a parallel region,
// where libgomp would hang, and inside another parallel region.
int resolve_threads(int requested);

#ifdef SPECSCHED_PLAIN_THREADS
// What parallel_for does where ThreadSanitizer watches: it does not see the barriers of libgomp and would report every
// region, so the same bodies run on std::thread.
void run_on_threads(std::ptrdiff_t count, int threads, const std::function<void(std::ptrdiff_t)>& body);
#endif

// Calls body(i) for i in [0, count). The order of the calls is unspecified: bodies write to their own slots,
// and the caller combines the slots in order, so that results do not depend on the thread count.
// Bodies must not throw.
template <class Body>
void parallel_for(std::ptrdiff_t count, int threads, const Body& body) {
    if (threads <= 1 || count <= 1) {
        for (std::ptrdiff_t i = 0; i < count; ++i) body(i);
        return;
    }
#ifdef SPECSCHED_PLAIN_THREADS
    run_on_threads(count, threads, std::cref(body));
#else
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
#endif
    for (std::ptrdiff_t i = 0; i < count; ++i) body(i);
#endif
}

}  // namespace specsched
