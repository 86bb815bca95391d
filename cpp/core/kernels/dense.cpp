#include "core/kernels/dense.hpp"

#include <algorithm>
#include <vector>

#include "core/chunks.hpp"
#include "core/ends.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/kernels/steps.hpp"
#include "core/scratch.hpp"

namespace specsched {
namespace {

EndTable end_table(const Criterion& criterion, LevelsView levels) {
    using D = Dual<double, 1>;
    const double first = levels.first(), last = levels.last();
    const Ends<double> ends(criterion, first, last);
    const Ends<D> slopes(criterion, D::variable(first, 0), D(last));
    const D scale = signal_scale(criterion.process, D::variable(last, 0));
    return {ends.scale,
            ends.missing,
            ends.lost,
            ends.start_variance,
            ends.surplus,
            0.5 * slopes.surplus.d[0],
            scale.d[0] / scale.value,
            static_cast<int>(criterion.process),
            ends.own,
            ends.carried,
            slopes.start_variance.d[0]};
}

constexpr std::ptrdiff_t least_chunk = 64;

Kernel kernel_of(const KernelTable& table, DenseSampler sampler, Target target) {
    if (target == Target::limit) return sampler == DenseSampler::ddpm ? table.ddpm_limit : table.ddim_limit;
    return sampler == DenseSampler::ddpm ? table.ddpm : table.ddim;
}

double run(DenseSampler sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion, double* gradient,
           const TransferView& out, const TermProbe* probe, int threads) {
    const Steps steps(sampler, levels);
    const EndTable ends = end_table(criterion, levels);
    const KernelTable& table = kernels();
    const Kernel kernel = kernel_of(table, sampler, criterion.target);
    const Chunks chunks(spectrum.size, levels.steps(), threads, least_chunk);
    const std::ptrdiff_t scratch = table.scratch_size(levels.steps());
    std::vector<double> sums(chunks.count), gradients(gradient ? chunks.count * levels.count : 0);
    chunks.run([&](std::ptrdiff_t c, std::ptrdiff_t begin, std::ptrdiff_t size) {
        KernelChunk chunk{spectrum.eigenvalues + begin,
                          spectrum.weights + begin,
                          spectrum.mean_power + begin,
                          size,
                          thread_scratch(scratch),
                          gradient ? gradients.data() + c * levels.count : nullptr,
                          out.gain ? out.gain + begin : nullptr,
                          out.gain ? out.variance + begin : nullptr,
                          out.excess ? out.excess + begin : nullptr,
                          probe ? probe->from(begin) : TermProbe{},
                          0.0};
        kernel(steps.table(), ends, static_cast<int>(criterion.loss), chunk);
        sums[c] = chunk.sum;
    });
    double sum = 0.0;
    for (const double part : sums) sum += part;
    if (gradient) {
        std::fill(gradient, gradient + levels.count, 0.0);
        for (std::ptrdiff_t c = 0; c < chunks.count; ++c)
            for (std::ptrdiff_t k = 0; k < levels.count; ++k) gradient[k] += gradients[c * levels.count + k];
    }
    return sum;
}

}  // namespace

double dense_loss(DenseSampler sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion,
                  double* gradient, int threads, const TermProbe* probe) {
    return run(sampler, spectrum, levels, criterion, gradient, {}, probe, threads);
}

void dense_transfer(DenseSampler sampler, SpectrumView spectrum, LevelsView levels, Process process,
                    const TransferView& out, int threads) {
    Criterion criterion;
    criterion.process = process;
    run(sampler, spectrum, levels, criterion, nullptr, out, nullptr, threads);
}

}  // namespace specsched
