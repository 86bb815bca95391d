#include "core/design/design.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/design/global_search.hpp"
#include "core/design/many_step.hpp"
#include "core/design/partition.hpp"

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr std::ptrdiff_t parallel_work = 200000;  // eigenvalues x steps
constexpr int glance = 15;            // iterations that a second start of many levels gets to show its worth
constexpr double nearly_there = 0.1;  // in log sigma: where such a start is taken to end in a known minimum
constexpr double not_known = std::numeric_limits<double>::infinity();
constexpr int cuts = 12;         // places tried for the last interior level
constexpr double strict = 1e-9;  // least log-ratio of neighbours: strictly decreasing, also after rounding

OrderConstraints order_of(const DesignProblem& p, const DesignOptions& options) {
    OrderConstraints order;
    order.top = std::log(p.sigma_first);
    order.gap = std::max(strict, std::log(options.least_ratio));
    order.bottom = p.sigma_last > 0.0    ? std::log(p.sigma_last)
                   : options.floor > 0.0 ? std::log(options.floor)
                                         : -std::numeric_limits<double>::infinity();
    order.bottom_gap = p.sigma_last > 0.0 ? order.gap : 0.0;
    return order;
}

// Below this level nothing depends on the schedule any more: where a grid or an insertion ends when the last level is 0.
double lowest_log(const DesignProblem& p, const OrderConstraints& order) {
    if (std::isfinite(order.bottom)) return order.bottom;
    double power = 0.0, least = p.sigma_first * p.sigma_first;
    for (std::ptrdiff_t i = 0; i < p.nodes.size; ++i) power += p.nodes.weights[i] * p.nodes.eigenvalues[i];
    for (std::ptrdiff_t i = 0; i < p.nodes.size; ++i)
        if (p.nodes.eigenvalues[i] > 1e-12 * power) least = std::min(least, p.nodes.eigenvalues[i]);
    return 0.5 * std::log(least) - 2.5;
}

// The many-step limit with one large last step, which offsets the noise that is left at a fixed positive end: the
// best of several places for the last interior level.
VectorXd large_last_step(std::ptrdiff_t steps, const ManyStepDensity& density, Objective& objective) {
    const double spacing = (density.top() - density.lowest_log()) / (2.0 * cuts);
    double best = std::numeric_limits<double>::infinity(), place = density.lowest_log();
    VectorXd levels;
    const auto attempt = [&](double cut, const VectorXd& u) {
        const double sum = objective.value(u);
        if (!(sum < best)) return;
        best = sum;
        place = cut;
        levels = u;
    };
    for (int c = 1; c <= cuts; ++c) {
        const double cut = density.lowest_log() + spacing * c;
        attempt(cut, density.interior(steps, cut));
    }
    // Then closer and closer around the best, each with the density that is optimal above it.
    for (double width = 0.5 * spacing; width > 0.03; width *= 0.5) {
        const double centre = place;
        for (const double cut : {centre - width, centre + width}) attempt(cut, density.above(cut).interior(steps, cut));
    }
    return levels;
}

// Evenly spaced powers of sigma, down to several places for the last interior level: high-order solvers like smooth
// schedules. The best place for each power.
std::vector<VectorXd> power_spacings(std::ptrdiff_t steps, const ManyStepDensity& density, Objective& objective) {
    std::vector<VectorXd> best;
    const Index n = steps - 1;
    const double room = density.top() - density.lowest_log();
    for (const double power : {0.0, 0.15, 0.4, 0.8}) {
        double least = std::numeric_limits<double>::infinity();
        VectorXd chosen;
        for (int c = 0; c < cuts; ++c) {
            const double cut = density.lowest_log() + room * c / (2.0 * cuts) + 1e-3;
            VectorXd u(n);
            for (Index k = 0; k < n; ++k) {
                const double share = static_cast<double>(k + 1) / static_cast<double>(n);
                u[k] = power == 0.0 ? density.top() + share * (cut - density.top())
                                    : std::log((1.0 - share) * std::exp(power * density.top()) +
                                               share * std::exp(power * cut)) / power;
            }
            const double sum = objective.value(u);
            if (sum < least) {
                least = sum;
                chosen = u;
            }
        }
        if (chosen.size()) best.push_back(chosen);
    }
    return best;
}

// The nearest feasible levels, from the top down and then from the bottom up.
VectorXd make_feasible(VectorXd u, const OrderConstraints& order) {
    const Index n = u.size();
    const double room = order.top - order.bottom - order.bottom_gap;
    const double spare = std::max(room / static_cast<double>(n) - order.gap, 0.0);
    const double slack = std::min(1e-6, 0.5 * spare);  // starts stay off the constraints
    const double gap = order.gap + slack;
    for (Index k = 0; k < n; ++k) u[k] = std::min(u[k], (k ? u[k - 1] : order.top) - gap);
    if (std::isfinite(order.bottom))
        for (Index k = n - 1; k >= 0; --k)
            u[k] = std::max(u[k], k + 1 < n ? u[k + 1] + gap : order.bottom + order.bottom_gap + slack);
    return u;
}

constexpr double spacing = 0.7;    // in log sigma, of the places tried for a level in a wide gap
constexpr int most_places = 8;
constexpr std::size_t most_moves = 3;  // between blocks of levels, followed each time
constexpr int most_rounds = 64;         // of such moves that improved; seldom more than a few
constexpr double same_basin = 0.25;  // a start this near (in log sigma) to a minimum is taken to lead there

struct Candidate {
    VectorXd u;
    double sum;
    int start;
};

// Where a level is worth least and where one more would be worth most; applied while that lowers the loss.
class Relocation {
  public:
    Relocation(Objective& objective, const OrderConstraints& order, double lowest)
        : objective_(objective), order_(order), lowest_(lowest) {}

    // The best set of levels after moving one; empty when no move promises to help.
    VectorXd propose(const Minimum& at) {
        const Index n = at.u.size();
        if (n < 2) return {};
        const Index wasted = least_useful(at);
        VectorXd rest(n - 1);
        for (Index k = 0, j = 0; k < n; ++k)
            if (k != wasted) rest[j++] = at.u[k];
        VectorXd best;
        double least = std::numeric_limits<double>::infinity(), in_place = least;
        for (Index gap = 0; gap <= n - 1; ++gap) {
            const double above = gap > 0 ? rest[gap - 1] : order_.top;
            const double below = gap < n - 1 ? rest[gap] : std::min(lowest_, above - 1.0);
            if (above - below < 3.0 * order_.gap) continue;
            const int places = std::clamp(static_cast<int>((above - below) / spacing), 1, most_places);
            for (int place = 1; place <= places; ++place) {
                VectorXd u(n);
                u << rest.head(gap), above + (below - above) * place / (places + 1), rest.tail(n - 1 - gap);
                const double sum = objective_.value(u);
                if (gap == wasted) in_place = std::min(in_place, sum);
                if (gap != wasted && sum < least) {
                    least = sum;
                    best = u;
                }
            }
        }
        if (best.size() && least < std::max(at.sum * (1.0 + 1e-3), std::min(in_place, 1.02 * at.sum))) return best;
        return {};
    }

  private:
    // The level nearest to a neighbour is the cheapest to lose.
    Index least_useful(const Minimum& at) const {
        Index worst = 0;
        double least = std::numeric_limits<double>::infinity();
        for (Index k = 0; k < at.u.size(); ++k) {
            VectorXd without(at.u.size() - 1);
            for (Index i = 0, j = 0; i < at.u.size(); ++i)
                if (i != k) without[j++] = at.u[i];
            const double cost = objective_.value(without);
            if (cost < least) {
                least = cost;
                worst = k;
            }
        }
        return worst;
    }

    Objective& objective_;
    const OrderConstraints order_;
    const double lowest_;
};

bool has_ties(const Minimum& minimum) {
    return std::any_of(minimum.active.begin(), minimum.active.end() - 1, [](char a) { return a != 0; });
}

// Tied levels are wasted: drops them and spreads as many again evenly over the index of those that are left.
VectorXd respread(const Minimum& at, const OrderConstraints& order) {
    const Index n = at.u.size();
    std::vector<double> kept{order.top};
    for (Index k = 0; k < n; ++k)
        if (!at.active[static_cast<std::size_t>(k)]) kept.push_back(at.u[k]);
    if (kept.size() < 2) return {};
    VectorXd u(n);
    const double last = static_cast<double>(kept.size() - 1);
    for (Index k = 0; k < n; ++k) {
        const double place = last * static_cast<double>(k + 1) / static_cast<double>(n);
        const std::size_t j = std::min(static_cast<std::size_t>(place), kept.size() - 2);
        u[k] = kept[j] + (place - static_cast<double>(j)) * (kept[j + 1] - kept[j]);
    }
    return u;
}

bool better(const Minimum& a, const Minimum& b) { return a.sum < b.sum * (1.0 - 1e-13); }

}  // namespace

DesignResult design_levels(const DesignProblem& given, std::ptrdiff_t steps, const double* starts,
                           std::ptrdiff_t start_count, const DesignOptions& options) {
    DesignProblem problem = given;
    // A parallel region costs more than one evaluation of a compressed spectrum.
    if (problem.nodes.size * steps < parallel_work) problem.threads = 1;
    const OrderConstraints order = order_of(problem, options);
    const double lowest = lowest_log(problem, order);
    const auto objective = make_objective(problem);
    const Index n = steps - 1;
    DesignResult result;

    std::vector<Candidate> candidates;
    const auto add = [&](const VectorXd& wanted, int start, double known = not_known) {
        VectorXd u = make_feasible(wanted, order);
        const double sum = u == wanted && known < not_known ? known : objective->value(u);
        if (std::isfinite(sum)) candidates.push_back({std::move(u), sum, start});
    };
    for (std::ptrdiff_t s = 0; s < start_count; ++s) {
        const double* row = starts + s * (steps + 1);
        result.start_sums.push_back(loss_sum(problem.sampler, problem.nodes, {row, steps + 1}, problem.process,
                                             problem.loss, nullptr, problem.threads));
        VectorXd u(n);
        for (Index k = 0; k < n; ++k) u[k] = std::log(row[k + 1]);
        add(u, static_cast<int>(s), result.start_sums.back());
    }
    const ManyStepDensity density(problem, lowest);
    add(density.interior(steps), -1);
    if (n > 0) add(large_last_step(steps, density, *objective), -1);
    if (!pairwise(problem.sampler) && n > 0)
        for (const VectorXd& u : power_spacings(steps, density, *objective)) add(u, -1);
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.sum < b.sum; });

    std::vector<Minimum> found;
    Minimum best;
    best.sum = std::numeric_limits<double>::infinity();
    Relocation relocation(*objective, order, lowest);
    int followed = 0;
    const int most_starts = n > 32 ? std::min(options.most_starts, 2) : options.most_starts;
    if (!pairwise(problem.sampler)) {
        std::vector<VectorXd> sorted;
        for (const Candidate& candidate : candidates) sorted.push_back(candidate.u);
        const GlobalMinimum global = global_search(*objective, order, sorted, options);
        best = global.minimum;
        if (!candidates.empty()) result.start = candidates[global.start].start;
        result.iterations = global.iterations;
        candidates.clear();
    }
    for (const Candidate& candidate : candidates) {
        if (followed >= most_starts) break;
        if (best.u.size() == n && n > 0 && (candidate.u - best.u).cwiseAbs().maxCoeff() < same_basin) continue;
        ++followed;
        MinimizeOptions effort = options.minimize;
        if (followed > 1 && n > 32) {
            effort.max_iterations = std::min(effort.max_iterations, glance);
            effort.arrived = nearly_there;
        }
        Minimum here = minimize(*objective, order, candidate.u, effort, found);
        result.iterations += here.iterations;
        if (here.same_as < 0 && here.status == MinimizeStatus::iteration_limit && better(here, best)) {
            here = minimize(*objective, order, here.u, options.minimize, found);
            result.iterations += here.iterations;
        }
        if (here.same_as >= 0) continue;
        found.push_back(here);
        if (n > 32 && followed > 1 && !better(here, best)) continue;
        const bool few = n <= 32;
        for (int move = 0; move < options.relocations && (few || has_ties(here)); ++move) {
            const VectorXd moved = few ? relocation.propose(here) : respread(here, order);
            if (moved.size() == 0) break;
            const Minimum next = minimize(*objective, order, make_feasible(moved, order), options.minimize, found);
            result.iterations += next.iterations;
            if (next.same_as >= 0 || !better(next, here)) break;
            found.push_back(next);
            here = next;
        }
        if (better(here, best)) {
            best = here;
            result.start = candidate.start;
        }
    }
    result.evaluations = objective->evaluations;
    if (!std::isfinite(best.sum)) return result;  // as it was made: no levels, status not_finite
    // The numbers of levels in separate blocks are improved one by one, as long as that helps.
    int rounds = pairwise(problem.sampler) ? most_rounds : 0;
    for (bool improved = true; improved && rounds > 0; --rounds) {
        improved = false;
        for (VectorXd& moved : moves_between_blocks(*objective, best.u, most_moves)) {
            const VectorXd start = make_feasible(std::move(moved), order);
            const Minimum next = minimize(*objective, order, start, options.minimize, found);
            result.iterations += next.iterations;
            if (next.same_as >= 0) continue;
            found.push_back(next);
            if (!better(next, best)) continue;
            best = next;
            // Where a search of many levels has run out of iterations, more of them would, too.
            improved = n <= 32 || best.status == MinimizeStatus::converged;
            break;
        }
    }
    result.sigmas.resize(static_cast<std::size_t>(steps) + 1);
    result.sigmas.front() = problem.sigma_first;
    for (Index k = 0; k < n; ++k) result.sigmas[static_cast<std::size_t>(k) + 1] = std::exp(best.u[k]);
    result.sigmas.back() = problem.sigma_last;
    result.sum = best.sum;
    result.kkt_error = best.kkt_error;
    result.status = best.status;
    result.evaluations = objective->evaluations;
    return result;
}

}  // namespace specsched
