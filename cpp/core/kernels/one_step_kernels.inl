// The dense kernels of samplers whose state is y alone, included once per instruction set. Derivation: docs/kernels.md.

#include "core/kernels/ddim.inl"
#include "core/kernels/ddpm.inl"
#include "core/kernels/limit.inl"
#include "core/kernels/pairs.inl"
#include "core/kernels/panel_terms.inl"
#include "core/kernels/products.inl"

namespace specsched {
namespace {

// Enough for every kernel.
std::ptrdiff_t scratch_size(std::ptrdiff_t steps) {
    const std::ptrdiff_t rows = ddim_rows(steps), other = ddpm_rows(steps);
    return lane_count * (rows > other ? rows : other);
}

template <template <class> class Chunk>
void by_loss(const StepTable& table, const EndTable& ends, int loss, KernelChunk& chunk) {
    with_loss(static_cast<Loss>(loss), [&](auto l) { Chunk<decltype(l)>::run(table, ends, chunk); });
}

template <class Chunk>
void only_w2(const StepTable& table, const EndTable& ends, int, KernelChunk& chunk) {
    Chunk::run(table, ends, chunk);
}

KernelTable kernel_table(const char* name) {
    return {name,
            scratch_size,
            by_loss<DdimChunk>,
            by_loss<DdpmChunk>,
            only_w2<DdimLimitChunk>,
            only_w2<DdpmLimitChunk>,
            outer_products,
            gram,
            product,
            ddim_pairs,
            panel_terms,
            panel_weights};
}

}  // namespace
}  // namespace specsched
