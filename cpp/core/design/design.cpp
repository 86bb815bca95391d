#include "core/design/design.hpp"

#include <cmath>
#include <exception>

#include "core/design/search.hpp"
#include "core/parallel.hpp"

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

// What the search found, as levels.
void set_levels(DesignResult& result, const DesignProblem& p, const Minimum& minimum) {
    result.sigmas.resize(static_cast<std::size_t>(p.steps) + 1);
    result.sigmas.front() = p.sigma_max;
    for (Index k = 0; k < p.interior(); ++k) result.sigmas[static_cast<std::size_t>(k) + 1] = std::exp(minimum.u[k]);
    result.sigmas.back() = p.sigma_min;
    result.kkt_error = minimum.kkt_error;
    result.status = minimum.status;
}

// Searched with the denoiser error that the problem allows for, reported without.
void report(DesignResult& result, const DesignProblem& p, const double* starts, const std::vector<double>& searched) {
    const Sampler exact = without_error(p.sampler);
    const auto reported = [&](const double* sigmas) {
        const LevelsView levels{sigmas, p.steps + 1};
        return reported_loss(p.criterion.loss,
                             loss_sum(exact, p.nodes, levels, p.criterion, nullptr, p.settings.threads));
    };
    result.loss = p.sampler.error == 0.0 ? result.searched_loss : reported(result.sigmas.data());
    if (p.sampler.error == 0.0) {
        result.start_losses = searched;
        return;
    }
    for (std::size_t s = 0; s < searched.size(); ++s)
        result.start_losses.push_back(reported(starts + static_cast<std::ptrdiff_t>(s) * (p.steps + 1)));
}

// The promise: never worse than a start.
void keep_promise(DesignResult& result, const DesignProblem& p, const double* starts,
                  const std::vector<double>& searched) {
    result.searched_loss = p.loss_of(result.sigmas.data());
    const auto count = static_cast<std::ptrdiff_t>(searched.size());
    result.returned_start = better_start(p, result.searched_loss, searched.data(), starts, count);
    if (result.returned_start < 0) return;
    const double* const row = starts + result.returned_start * (p.steps + 1);
    result.sigmas.assign(row, row + p.steps + 1);
    result.searched_loss = searched[static_cast<std::size_t>(result.returned_start)];
    result.kkt_error = kkt_error(p, row);
}

}  // namespace

DesignResult design(const DesignProblem& given, const double* starts, std::ptrdiff_t start_count) {
    DesignProblem p = given;
    if (p.nodes.size * p.steps < p.settings.parallel_work) p.settings.threads = 1;
    const OrderConstraints order = order_of(p);
    const double lowest = lowest_log(p, order);
    const auto objective = make_objective(p);
    std::vector<double> searched;  // the starts' sums of loss terms, then their losses
    const std::vector<Candidate> candidates = make_starts(*objective, order, lowest, starts, start_count, searched);
    const Found found = pairwise(p.sampler) ? search_pairwise(*objective, order, lowest, candidates)
                                            : search_by_hops(*objective, order, candidates);
    DesignResult result;
    result.start = found.start;
    result.iterations = found.iterations;
    result.evaluations = objective->evaluations;
    if (!std::isfinite(found.minimum.sum)) return result;
    for (double& sum : searched) sum = reported_loss(p.criterion.loss, sum);
    set_levels(result, p, found.minimum);
    keep_promise(result, p, starts, searched);
    report(result, p, starts, searched);
    return result;
}

std::vector<BatchDesign> design_batch(const std::vector<const DesignProblem*>& problems, const double* starts,
                                      std::ptrdiff_t start_count, const double* own_starts, std::ptrdiff_t own_count,
                                      int threads) {
    const auto count = static_cast<std::ptrdiff_t>(problems.size());
    const int available = resolve_threads(threads);
    std::vector<BatchDesign> designs(problems.size());
    parallel_for(count, available, [&](std::ptrdiff_t i) {
        BatchDesign& slot = designs[static_cast<std::size_t>(i)];
        try {
            DesignProblem problem = *problems[static_cast<std::size_t>(i)];
            problem.settings.threads = count == 1 ? available : 1;
            const std::ptrdiff_t levels = problem.steps + 1;
            const double* const own = own_starts + i * own_count * levels;
            std::vector<double> rows(starts, starts + start_count * levels);
            rows.insert(rows.end(), own, own + own_count * levels);
            slot.found = design(problem, rows.data(), start_count + own_count);
            if (slot.found.status == MinimizeStatus::not_finite) slot.error = describe(slot.found.status);
        } catch (const std::exception& error) {
            slot.error = error.what();
        }
    });
    return designs;
}

std::vector<double> relative_gradient(const DesignProblem& p, const double* sigmas) {
    std::vector<double> slopes(static_cast<std::size_t>(p.steps) + 1);
    const double sum =
        loss_sum(p.sampler, p.nodes, {sigmas, p.steps + 1}, p.criterion, slopes.data(), p.settings.threads);
    const double unit = error_unit(sum, make_objective(p)->power());
    for (double& slope : slopes) slope = relative_error(slope, unit);
    return slopes;
}

double kkt_error(const DesignProblem& p, const double* sigmas, const double* gradient) {
    const Index n = p.interior();
    if (n == 0) return 0.0;
    const Eigen::Map<const VectorXd> levels(sigmas + 1, n);
    const VectorXd u = levels.array().log();
    const auto objective = make_objective(p);
    VectorXd slope(n);
    double unit = 1.0;
    if (gradient)
        slope = Eigen::Map<const VectorXd>(gradient + 1, n).cwiseProduct(levels);
    else
        unit = error_unit(objective->gradient(u, slope), objective->power());
    const Groups groups(active_at(bounded_order_of(p), u, p.settings.tied));
    return kkt_error(groups, slope, unit);
}

}  // namespace specsched
