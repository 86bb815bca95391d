#include <algorithm>
#include <cmath>
#include <limits>

#include "core/design/moves.hpp"
#include "core/design/search.hpp"

namespace specsched {
namespace {

using Eigen::VectorXd;

constexpr double same = 1e-13;  // relative: a difference of sums below it is rounding

bool better(const Minimum& a, const Minimum& b) { return a.sum < b.sum * (1.0 - same); }

class PairwiseSearch {
  public:
    PairwiseSearch(Objective& objective, const OrderConstraints& order, double lowest)
        : objective_(objective),
          order_(order),
          lowest_(lowest),
          settings_(objective.problem().settings),
          many_(objective.problem().interior() > settings_.many_levels) {
        found_.minimum.sum = std::numeric_limits<double>::infinity();
    }

    Found run(const std::vector<Candidate>& starts) {
        const int most =
            many_ ? std::min(settings_.starts.followed, settings_.starts.followed_many) : settings_.starts.followed;
        int followed = 0;
        for (const Candidate& start : starts) {
            if (followed >= most) break;
            if (leads_to_best(start.u)) continue;
            follow(start, followed == 0);
            ++followed;
        }
        if (std::isfinite(found_.minimum.sum)) move_between_blocks();
        return found_;
    }

  private:
    Minimum& best() { return found_.minimum; }

    bool leads_to_best(const VectorXd& u) {
        return u.size() > 0 && best().u.size() == u.size() &&
               (u - best().u).cwiseAbs().maxCoeff() < settings_.moves.same_basin;
    }

    Minimum descend(const VectorXd& u, const NewtonSettings& effort) {
        Minimum end = minimize(objective_, order_, u, effort, known_);
        found_.iterations += end.iterations;
        return end;
    }

    // To the end; a second start of many levels only while it shows promise.
    Minimum first_descent(const VectorXd& u, bool first) {
        NewtonSettings effort = settings_.newton;
        if (many_ && !first) {
            effort.max_iterations = std::min(effort.max_iterations, settings_.moves.glance);
            effort.arrived = settings_.moves.nearly_there;
        }
        Minimum here = descend(u, effort);
        if (here.same_as < 0 && here.status == MinimizeStatus::iteration_limit && better(here, best()))
            here = descend(here.u, settings_.newton);
        return here;
    }

    void follow(const Candidate& start, bool first) {
        Minimum here = first_descent(start.u, first);
        if (here.same_as >= 0) return;
        known_.push_back(here);
        if (many_ && !first && !better(here, best())) return;
        here = with_levels_relocated(here);
        if (!better(here, best())) return;
        best() = here;
        found_.start = start.given;
    }

    Minimum with_levels_relocated(Minimum here) {
        for (int move = 0; move < settings_.moves.relocations && (!many_ || has_ties(here)); ++move) {
            const VectorXd moved = many_ ? respread(here, order_) : relocated(objective_, order_, lowest_, here);
            if (moved.size() == 0) break;
            const Minimum next = descend(repaired(moved, order_, settings_.starts.off_bounds), settings_.newton);
            if (next.same_as >= 0 || !better(next, here)) break;
            known_.push_back(next);
            here = next;
        }
        return here;
    }

    // The numbers of levels in separate blocks are improved one by one, as long as that helps.
    void move_between_blocks() {
        for (int round = 0; round < settings_.moves.block_rounds; ++round)
            if (!improved_between_blocks()) return;
    }

    bool improved_between_blocks() {
        for (VectorXd& moved : moves_between_blocks(objective_, best().u)) {
            const VectorXd start = repaired(std::move(moved), order_, settings_.starts.off_bounds);
            const Minimum next = descend(start, settings_.newton);
            if (next.same_as >= 0) continue;
            known_.push_back(next);
            if (!better(next, best())) continue;
            best() = next;
            // Where a search of many levels has run out of iterations, more of them would, too.
            return !many_ || next.status == MinimizeStatus::converged;
        }
        return false;
    }

    Objective& objective_;
    const OrderConstraints order_;
    const double lowest_;
    const DesignSettings& settings_;
    const bool many_;
    std::vector<Minimum> known_;
    Found found_;
};

}  // namespace

Found search_pairwise(Objective& objective, const OrderConstraints& order, double lowest,
                      const std::vector<Candidate>& starts) {
    return PairwiseSearch(objective, order, lowest).run(starts);
}

}  // namespace specsched
