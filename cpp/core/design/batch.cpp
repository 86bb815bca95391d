#include "core/design/batch.hpp"

#include <stdexcept>

#include "core/parallel.hpp"

namespace specsched {
namespace {

std::vector<double> starts_of(const BatchProblem& batch, std::size_t index) {
    const std::ptrdiff_t shared = batch.start_count * (batch.steps + 1), own = batch.own_count * (batch.steps + 1);
    const double* const first = batch.own_starts + static_cast<std::ptrdiff_t>(index) * own;
    std::vector<double> rows(batch.starts, batch.starts + shared);
    rows.insert(rows.end(), first, first + own);
    return rows;
}

BatchDesign solve(const BatchProblem& batch, std::size_t index, const DesignOptions& options, int threads) {
    DesignProblem problem = batch.shared;
    problem.nodes = batch.spectra[index];
    problem.threads = threads;
    const std::vector<double> starts = starts_of(batch, index);
    const std::ptrdiff_t count = batch.start_count + batch.own_count, levels = batch.steps + 1;

    BatchDesign out;
    out.found = design_levels(problem, batch.steps, starts.data(), count, options);
    if (out.found.status == MinimizeStatus::not_finite) throw std::runtime_error(describe(out.found.status));
    const auto reported = [&](const double* sigmas) {
        return reported_loss(problem.loss, loss_sum(batch.reported, problem.nodes, {sigmas, levels}, problem.process,
                                                    problem.loss, nullptr, threads));
    };
    out.loss = reported(out.found.sigmas.data());
    for (std::ptrdiff_t s = 0; s < count; ++s)
        out.start_losses.push_back(batch.reported.error == problem.sampler.error
                                       ? reported_loss(problem.loss, out.found.start_sums[static_cast<std::size_t>(s)])
                                       : reported(starts.data() + s * levels));
    return out;
}

}  // namespace

std::vector<BatchDesign> design_batch(const BatchProblem& batch, const DesignOptions& options, int threads) {
    const std::ptrdiff_t count = static_cast<std::ptrdiff_t>(batch.spectra.size());
    const int available = resolve_threads(threads);
    const int inner = count == 1 ? available : 1;
    std::vector<BatchDesign> designs(batch.spectra.size());
    parallel_for(count, available, [&](std::ptrdiff_t i) {
        BatchDesign& slot = designs[static_cast<std::size_t>(i)];
        try {
            slot = solve(batch, static_cast<std::size_t>(i), options, inner);
        } catch (const std::exception& problem) {
            slot.error = problem.what();
        }
    });
    return designs;
}

}  // namespace specsched
