#include "core/design/problem.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <vector>

#include "core/sort_by.hpp"

namespace specsched {
namespace {

constexpr double rounding = 1e-12;  // of ratios and floors: exp(log x) is off by some 1e-14

bool in_range(double value, double low, double high) { return value >= low && value <= high; }

// Eigenvalues, weights and mean powers within what losses are computed for.
bool is_admitted(const SpectrumView& nodes) {
    for (const double* array : {nodes.eigenvalues, nodes.weights, nodes.mean_power})
        for (std::ptrdiff_t i = 0; i < nodes.size; ++i)
            if (!in_range(array[i], 0.0, largest_entry)) return false;
    return nodes.size > 0;
}

std::string wrong_levels(double high, double low, double floor) {
    std::ostringstream text;
    const auto level = [&](const char* name, double value) {
        text << name << " must lie between " << least_level << " and " << largest_level << ", got " << value;
    };
    if (!in_range(high, least_level, largest_level))
        level("sigma_max", high);
    else if (low != 0.0 && !in_range(low, least_level, largest_level))
        level("sigma_min", low);
    else if (low >= high)
        text << "sigma_min must be less than sigma_max, got sigma_min=" << low << " and sigma_max=" << high;
    else if (floor != 0.0 && !in_range(floor, least_level, largest_level))
        level("sigma_floor", floor);
    else if (floor > 0.0 && low > 0.0)
        text << "sigma_floor applies to schedules that end at 0; sigma_min is " << low << ": give one of the two";
    else if (floor >= high)
        text << "sigma_floor must be less than sigma_max, got " << floor << " and " << high;
    return text.str();
}

}  // namespace

std::string wrong_ends(double sigma_max, double sigma_min, double sigma_floor, double min_ratio, std::ptrdiff_t steps) {
    std::string wrong = wrong_levels(sigma_max, sigma_min, sigma_floor);
    const double bottom = sigma_min > 0.0 ? sigma_min : sigma_floor;
    const auto intervals = static_cast<double>(sigma_min > 0.0 ? steps : steps - 1);
    if (!wrong.empty() || min_ratio <= 1.0 || bottom == 0.0 || std::pow(min_ratio, intervals) <= sigma_max / bottom)
        return wrong;
    std::ostringstream text;
    text << "min_ratio=" << min_ratio << " leaves no room for " << steps << " steps between " << sigma_max << " and "
         << bottom << "; it may be at most " << std::pow(sigma_max / bottom, 1.0 / intervals);
    return text.str();
}

std::string DesignProblem::wrong() const {
    if (!is_admitted(nodes)) return "eigenvalues, weights and mean_power must lie between 0 and 1e100";
    if (steps < 1) return "steps must be at least 1";
    const std::string text = settings.wrong();
    if (!text.empty()) return text;
    return wrong_ends(sigma_max, sigma_min, settings.sigma_floor, settings.min_ratio, steps);
}

double DesignProblem::loss_of(const double* sigmas, double* gradient) const {
    const double sum = loss_sum(sampler, nodes, {sigmas, steps + 1}, criterion, gradient, settings.threads);
    if (gradient) {
        const double slope = reported_slope(criterion.loss, sum);
        for (std::ptrdiff_t k = 0; k <= steps; ++k) gradient[k] *= slope;
    }
    return reported_loss(criterion.loss, sum);
}

double DesignProblem::reported_loss_of(const double* sigmas) const {
    const Sampler exact = without_error(sampler);
    return reported_loss(criterion.loss,
                         loss_sum(exact, nodes, {sigmas, steps + 1}, criterion, nullptr, settings.threads));
}

bool DesignProblem::admits(const double* sigmas) const {
    constexpr double near = 1.0 - rounding;
    const std::ptrdiff_t last = sigma_min == 0.0 ? steps - 1 : steps;  // a final 0 keeps any ratio
    for (std::ptrdiff_t k = 0; k < last; ++k)
        if (!(sigmas[k] / sigmas[k + 1] >= settings.required_ratio * near)) return false;
    return sigmas[last] >= settings.sigma_floor * near;
}

std::ptrdiff_t better_start(const DesignProblem& problem, double value, const double* losses, const double* rows,
                            std::ptrdiff_t count) {
    std::vector<std::ptrdiff_t> better;
    for (std::ptrdiff_t s = 0; s < count; ++s)
        if (losses[s] < value) better.push_back(s);
    sort_by(better, [&](std::ptrdiff_t s) { return losses[s]; });
    for (const std::ptrdiff_t s : better)
        if (problem.admits(rows + s * (problem.steps + 1))) return s;
    return -1;
}

}  // namespace specsched
