#include <cstring>

#include "core/engine/sweeps.hpp"
#include "core/kernels/dispatch.hpp"

extern "C" {
const void* specsched_sweeps_baseline();
#ifdef SPECSCHED_HAS_avx2
const void* specsched_sweeps_avx2();
#endif
#ifdef SPECSCHED_HAS_avx512
const void* specsched_sweeps_avx512();
#endif
}

namespace specsched {

// The instruction set is chosen once for the library, with the dense kernels.
const SweepTable& sweeps() {
    const char* const name = kernels().name;
#ifdef SPECSCHED_HAS_avx512
    if (std::strcmp(name, "avx512") == 0) return *static_cast<const SweepTable*>(specsched_sweeps_avx512());
#endif
#ifdef SPECSCHED_HAS_avx2
    if (std::strcmp(name, "avx2") == 0) return *static_cast<const SweepTable*>(specsched_sweeps_avx2());
#endif
    (void)name;
    return *static_cast<const SweepTable*>(specsched_sweeps_baseline());
}

}  // namespace specsched
