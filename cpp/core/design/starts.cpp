#include "core/design/starts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/design/many_step.hpp"
#include "core/sort_by.hpp"

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();

// The many-step limit with one large last step, which offsets the noise that is left at a fixed positive end: the
// best of several places for the last interior level.
VectorXd large_last_step(const ManyStepDensity& density, Objective& objective) {
    const StartSettings& settings = objective.problem().settings.starts;
    const std::ptrdiff_t steps = objective.problem().steps;
    const double spacing = (density.top() - density.lowest_log()) / (2.0 * settings.cuts);
    double best = infinity, place = density.lowest_log();
    VectorXd levels;
    const auto attempt = [&](double cut) {
        const VectorXd u = density.interior(steps, cut);
        const double sum = objective.value(u);
        if (!(sum < best)) return;
        best = sum;
        place = cut;
        levels = u;
    };
    for (int c = 1; c <= settings.cuts; ++c) attempt(density.lowest_log() + spacing * c);
    // Then closer and closer around the best.
    for (double width = 0.5 * spacing; width > settings.finest_cut; width *= 0.5) {
        const double centre = place;
        for (const double cut : {centre - width, centre + width}) attempt(cut);
    }
    return levels;
}

// n levels from below `top` to `cut`, evenly spaced in sigma^power (0: in log sigma).
VectorXd even_powers(Index n, double power, double top, double cut) {
    VectorXd u(n);
    for (Index k = 0; k < n; ++k) {
        const double share = static_cast<double>(k + 1) / static_cast<double>(n);
        u[k] = power == 0.0 ? top + share * (cut - top)
                            : std::log((1.0 - share) * std::exp(power * top) + share * std::exp(power * cut)) / power;
    }
    return u;
}

// Evenly spaced powers of sigma, down to several places for the last interior level: high-order solvers like smooth
// schedules. The best place for each power, from the exponential schedule to nearly the linear one.
std::vector<VectorXd> power_spacings(const ManyStepDensity& density, Objective& objective) {
    const int cuts = objective.problem().settings.starts.cuts;
    std::vector<VectorXd> best;
    const double room = density.top() - density.lowest_log();
    for (const double power : {0.0, 0.15, 0.4, 0.8}) {
        double least = infinity;
        VectorXd chosen;
        for (int c = 0; c < cuts; ++c) {
            const double cut = density.lowest_log() + room * c / (2.0 * cuts) + 1e-3;
            const VectorXd u = even_powers(objective.problem().interior(), power, density.top(), cut);
            const double sum = objective.value(u);
            if (!(sum < least)) continue;
            least = sum;
            chosen = u;
        }
        if (chosen.size()) best.push_back(chosen);
    }
    return best;
}

class Collection {
  public:
    Collection(Objective& objective, const OrderConstraints& order) : objective_(objective), order_(order) {}

    void add(const VectorXd& wanted, int given, double known = infinity) {
        VectorXd u = repaired(wanted, order_, objective_.problem().settings.starts.off_bounds);
        const double sum = u == wanted && known < infinity ? known : objective_.value(u);
        if (std::isfinite(sum)) starts_.push_back({std::move(u), sum, given});
    }
    std::vector<Candidate> sorted() && {
        sort_by(starts_, [](const Candidate& c) { return c.sum; });
        return std::move(starts_);
    }

  private:
    Objective& objective_;
    const OrderConstraints order_;
    std::vector<Candidate> starts_;
};

}  // namespace

double lowest_log(const DesignProblem& p, const OrderConstraints& order) {
    if (std::isfinite(order.bottom)) return order.bottom;
    const StartSettings& settings = p.settings.starts;
    double power = 0.0, least = p.sigma_max * p.sigma_max;
    for (std::ptrdiff_t i = 0; i < p.nodes.size; ++i) power += p.nodes.weights[i] * p.nodes.eigenvalues[i];
    for (std::ptrdiff_t i = 0; i < p.nodes.size; ++i)
        if (p.nodes.eigenvalues[i] > settings.faint * power) least = std::min(least, p.nodes.eigenvalues[i]);
    return 0.5 * std::log(least) - settings.below_data;
}

std::vector<Candidate> make_starts(Objective& objective, const OrderConstraints& order, double lowest,
                                   const double* rows, std::ptrdiff_t count, std::vector<double>& sums) {
    const DesignProblem& p = objective.problem();
    const Index n = p.interior();
    Collection found(objective, order);
    for (std::ptrdiff_t s = 0; s < count; ++s) {
        const double* row = rows + s * (p.steps + 1);
        sums.push_back(loss_sum(p.sampler, p.nodes, {row, p.steps + 1}, p.criterion, nullptr, p.settings.threads));
        VectorXd u(n);
        for (Index k = 0; k < n; ++k) u[k] = std::log(row[k + 1]);
        found.add(u, static_cast<int>(s), sums.back());
    }
    const ManyStepDensity density(p, lowest);
    found.add(density.interior(p.steps), -1);
    if (n > 0) found.add(large_last_step(density, objective), -1);
    if (n > 0 && !pairwise(p.sampler))
        for (const VectorXd& u : power_spacings(density, objective)) found.add(u, -1);
    return std::move(found).sorted();
}

}  // namespace specsched
