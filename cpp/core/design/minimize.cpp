#include "core/design/minimize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

class Search {
  public:
    Search(Objective& objective, const OrderConstraints& order, VectorXd u, const NewtonSettings& settings,
           const std::vector<Minimum>& known)
        : objective_(objective), order_(order), settings_(settings), known_(known), power_(objective.power()) {
        result_.u = std::move(u);
        // A start on a constraint would otherwise be blocked by it at once.
        result_.active = active_at(order_, result_.u, settings_.closed);
    }

    Minimum run() {
        result_.sum = objective_.gradient(result_.u, gradient_);
        if (!std::isfinite(result_.sum) || !gradient_.allFinite()) {
            result_.sum = result_.kkt_error = std::numeric_limits<double>::infinity();
            result_.status = MinimizeStatus::not_finite;
            return result_;
        }
        if (result_.u.size() == 0) {
            result_.status = MinimizeStatus::converged;
            return result_;
        }
        for (; result_.iterations < settings_.max_iterations; ++result_.iterations) {
            if (interrupted()) return finish(MinimizeStatus::stalled);
            const Groups groups(result_.active);
            const double reduced = norm(groups.reduce(gradient_));
            if (reduced <= settings_.tolerance && !release(groups)) return finish(MinimizeStatus::converged);
            if (reduced <= settings_.tolerance) continue;
            const Outcome outcome = advance(groups);
            if (outcome == Outcome::moved) {
                if (near_known()) return result_;
                continue;
            }
            // No further progress here; freeing a constraint may still help.
            if (release(groups)) continue;
            return finish(reduced <= 1e3 * settings_.tolerance ? MinimizeStatus::rounding_limit
                                                               : MinimizeStatus::stalled);
        }
        return finish(MinimizeStatus::iteration_limit);
    }

  private:
    enum class Outcome { moved, stuck };

    bool interrupted() const {
        const auto& asked = objective_.problem().settings.interrupted;
        return asked && asked();
    }
    double unit() const { return error_unit(result_.sum, power_); }
    double norm(const VectorXd& g) const { return relative_error(g.size() ? g.cwiseAbs().maxCoeff() : 0.0, unit()); }

    Minimum finish(MinimizeStatus status) {
        result_.kkt_error = kkt_error(Groups(result_.active), gradient_, unit());
        if (status != MinimizeStatus::converged && result_.kkt_error <= settings_.tolerance)
            status = MinimizeStatus::converged;
        result_.status = status;
        return result_;
    }

    // Whether a known minimum is so close that the search would end there; then it does.
    bool near_known() {
        for (std::size_t j = 0; j < known_.size(); ++j) {
            const Minimum& other = known_[j];
            if (other.status != MinimizeStatus::converged || other.sum > result_.sum) continue;
            if ((other.u - result_.u).cwiseAbs().maxCoeff() > settings_.arrived) continue;
            const int iterations = result_.iterations + 1;
            result_ = other;
            result_.iterations = iterations;
            result_.same_as = static_cast<int>(j);
            return true;
        }
        return false;
    }

    // Frees the constraint whose multiplier is most wrong; false when all are right.
    bool release(const Groups& groups) {
        Index worst = 0;
        const double least = groups.multipliers(gradient_).minCoeff(&worst);
        if (least >= -settings_.tolerance * unit()) return false;
        if (released_ >= 4 * static_cast<int>(result_.active.size())) return false;
        ++released_;
        result_.active[static_cast<std::size_t>(worst)] = 0;
        return true;
    }

    // One accepted Newton step, or stuck.
    Outcome advance(const Groups& groups) {
        objective_.curve(result_.u);
        const double least_damping = objective_.least_damping();
        VectorXd step, trial_gradient;
        for (int attempt = 0; attempt < settings_.attempts; ++attempt) {
            if (!objective_.newton_step(groups, gradient_, damping_, step)) {
                damping_ = std::max(4.0 * damping_, least_damping);
                continue;
            }
            const double slope = gradient_.dot(step);
            const double longest = step.cwiseAbs().maxCoeff();
            Index blocking = -1;
            double share = std::min(1.0, longest > 0.0 ? settings_.largest_step / longest : 1.0);
            share = shorten(step, share, blocking);
            const double curvature = -slope - damping_ * objective_.damped(step);  // step^T H step
            const double predicted = -(share * slope + 0.5 * share * share * curvature);
            const VectorXd trial = result_.u + share * step;
            const double sum = objective_.gradient(trial, trial_gradient);
            const bool below_rounding =
                std::abs(predicted) <= settings_.rounding * std::max(result_.sum, 1e-12 * power_);
            const bool better = below_rounding ? norm(groups.reduce(trial_gradient)) < norm(groups.reduce(gradient_)) &&
                                                     sum <= result_.sum * (1.0 + 1e-12)
                                               : std::isfinite(sum) && sum < result_.sum - 1e-4 * predicted;
            if (better && trial_gradient.allFinite()) {
                const double ratio = predicted > 0.0 ? (result_.sum - sum) / predicted : 1.0;
                if (ratio > 0.75) damping_ = damping_ / 8.0 < least_damping ? 0.0 : damping_ / 8.0;
                if (ratio < 0.25) damping_ = std::max(3.0 * damping_, least_damping);
                result_.u = trial;
                result_.sum = sum;
                gradient_ = trial_gradient;
                if (blocking >= 0) tie(blocking);
                return Outcome::moved;
            }
            if (below_rounding) return Outcome::stuck;
            damping_ = std::max(4.0 * damping_, least_damping);
        }
        return Outcome::stuck;
    }

    // Largest share of the step that keeps a part of every slack; names the constraint that stops it.
    double shorten(const VectorXd& step, double share, Index& blocking) const {
        const VectorXd slack = slacks(order_, result_.u);
        const Index n = step.size();
        for (Index j = 0; j <= n; ++j) {
            if (result_.active[static_cast<std::size_t>(j)]) continue;
            const double change = (j > 0 ? step[j - 1] : 0.0) - (j < n ? step[j] : 0.0);
            if (change >= 0.0) continue;
            const double most = settings_.keep_away * slack[j] / -change;
            if (most < share) {
                share = most;
                blocking = j;
            }
        }
        return share;
    }

    // Makes a nearly closed constraint active, moving the levels by what is left of the slack.
    void tie(Index j) {
        const double slack = slacks(order_, result_.u)[j];
        if (slack > settings_.snap) return;
        VectorXd moved = result_.u;
        const Index n = moved.size();
        std::vector<char> active = result_.active;
        // Move the run on the free side; keep the other in place.
        Index begin = j, end = j;  // members j ... end - 1 move up
        while (end < n && (end == j || active[static_cast<std::size_t>(end)])) ++end;
        const bool lower_fixed = j == n || (end == n && active[static_cast<std::size_t>(n)]);
        if (!lower_fixed) {
            for (Index k = begin; k < end; ++k) moved[k] += slack;
        } else {
            begin = j;
            while (begin > 0 && (begin == j || active[static_cast<std::size_t>(begin)])) --begin;
            if (begin == 0 && active[0]) return;
            for (Index k = begin; k < j; ++k) moved[k] -= slack;
        }
        VectorXd moved_gradient;
        const double sum = objective_.gradient(moved, moved_gradient);
        if (!std::isfinite(sum) || !moved_gradient.allFinite() || sum > result_.sum * (1.0 + 1e-3)) return;
        result_.u = moved;
        result_.sum = sum;
        gradient_ = moved_gradient;
        result_.active[static_cast<std::size_t>(j)] = 1;
    }

    Objective& objective_;
    const OrderConstraints order_;
    const NewtonSettings settings_;
    const std::vector<Minimum>& known_;
    const double power_;
    Minimum result_;
    VectorXd gradient_;
    double damping_ = 0.0;
    int released_ = 0;
};

}  // namespace

const char* describe(MinimizeStatus status) {
    switch (status) {
        case MinimizeStatus::converged: return "converged";
        case MinimizeStatus::rounding_limit: return "as accurate as rounding allows";
        case MinimizeStatus::iteration_limit: return "iteration limit reached";
        case MinimizeStatus::not_finite: return "the loss is infinite or undefined at every start";
        case MinimizeStatus::stalled: break;
    }
    return "no further progress";
}

Minimum minimize(Objective& objective, const OrderConstraints& order, VectorXd u, const NewtonSettings& settings,
                 const std::vector<Minimum>& known) {
    return Search(objective, order, std::move(u), settings, known).run();
}

}  // namespace specsched
