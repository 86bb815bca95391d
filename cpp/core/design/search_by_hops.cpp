#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/design/search.hpp"
#include "core/sort_by.hpp"

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

// A small generator of its own, so that designs are the same on every platform (SplitMix64, public domain).
class Generator {
  public:
    double uniform() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
    }
    // The sum of twelve uniforms: near enough to normal for a hop.
    double normal() {
        double sum = -6.0;
        for (int i = 0; i < 12; ++i) sum += uniform();
        return sum;
    }

  private:
    std::uint64_t state_ = 20250200180ull;
};

// Sorted, so that the order holds, and inside the constraints with a little room.
VectorXd inside(VectorXd moved, const OrderConstraints& order, const VectorXd& otherwise, double off) {
    moved = repaired(descending(std::move(moved)), order, off);
    return moved[0] < order.top - order.gap ? moved : otherwise;
}

// Every log-level by about the room it has.
VectorXd jitter(const VectorXd& u, const OrderConstraints& order, double size, Generator& random) {
    const Index n = u.size();
    VectorXd moved = u;
    for (Index k = 0; k < n; ++k) {
        const double above = (k ? u[k - 1] : order.top) - u[k];
        const double below = k + 1 < n ? u[k] - u[k + 1] : std::isfinite(order.bottom) ? u[k] - order.bottom : above;
        moved[k] += size * random.normal() * std::min(0.5 * (above + below), 1.0);
    }
    return moved;
}

// All log-levels together, along the first cosines over their index: shifts and stretches.
VectorXd wave(const VectorXd& u, Generator& random) {
    constexpr double pi = 3.14159265358979323846;
    const double last = static_cast<double>(std::max<Index>(u.size() - 1, 1));
    VectorXd moved = u;
    for (int order = 0; order < 3; ++order) {
        const double size = random.normal() / (order + 1);
        for (Index k = 0; k < u.size(); ++k) moved[k] += size * std::cos(pi * order * static_cast<double>(k) / last);
    }
    return moved;
}

// One level from anywhere to the middle of any other gap.
VectorXd relocate(const VectorXd& u, const OrderConstraints& order, Generator& random) {
    const Index n = u.size();
    // Below n, also rounded: `uniform` is at most 1 - 2^-53.
    const Index from = static_cast<Index>(random.uniform() * static_cast<double>(n));
    const Index to = static_cast<Index>(random.uniform() * static_cast<double>(n));
    VectorXd moved = u;
    const double above = to > 0 ? u[to - 1] : order.top;
    moved[from] = 0.5 * (above + u[to]);
    return moved;
}

// As many levels as asked for, spread like those given: linear in the index, both ends kept.
VectorXd spread(const VectorXd& u, Index count) {
    VectorXd found(count);
    const double stretch = count > 1 ? static_cast<double>(u.size() - 1) / static_cast<double>(count - 1) : 0.0;
    for (Index k = 0; k < count; ++k) {
        const double place = stretch * static_cast<double>(k);
        const Index j = std::min(static_cast<Index>(place), std::max<Index>(u.size() - 2, 0));
        const Index next = std::min(j + 1, u.size() - 1);
        found[k] = u[j] + (place - static_cast<double>(j)) * (u[next] - u[j]);
    }
    return found;
}

// A large first step instead of the first level.
VectorXd without_first(const VectorXd& u) { return spread(u.tail(u.size() - 1), u.size()); }

// With a free end: the last level far below the others, which share the room of one more. There it does nothing but
// set the weight of the extrapolation, which pays when the steps are few.
VectorXd dropped(const VectorXd& u, double drop) {
    const Index n = u.size();
    VectorXd moved(n);
    moved.head(n - 1) = spread(u, n - 1);
    moved[n - 1] = moved[n - 2] - drop;
    return moved;
}

class HopSearch {
  public:
    HopSearch(Objective& objective, const OrderConstraints& order)
        : objective_(objective), order_(order), settings_(objective.problem().settings), brief_(settings_.newton) {
        brief_.max_iterations = std::min(settings_.hops.explore_iterations, settings_.newton.max_iterations);
        best_.minimum.sum = std::numeric_limits<double>::infinity();
    }

    Found run(const std::vector<Candidate>& starts) {
        explore(starts);
        if (best_.minimum.u.size()) hop_on();  // else: nothing finite, or nothing to search
        best_.iterations = iterations_;
        return best_;
    }

  private:
    struct Explored {
        Minimum minimum;
        int start;
    };

    // Descends briefly from the best starts, and to the end from where that led furthest.
    void explore(const std::vector<Candidate>& starts) {
        std::vector<Explored> explored;
        const std::size_t count = std::min(starts.size(), static_cast<std::size_t>(settings_.starts.followed));
        for (std::size_t s = 0; s < count; ++s) explored.push_back({descend(starts[s].u, brief_), starts[s].given});
        sort_by(explored, [](const Explored& e) { return e.minimum.sum; });
        const std::size_t followed = std::min(static_cast<std::size_t>(settings_.hops.followed), explored.size());
        for (std::size_t i = 0; i < followed; ++i) follow(explored[i].minimum, explored[i].start);
    }

    void hop_on() {
        const HopSettings& s = settings_.hops;
        const int hops = best_.minimum.u.size() > s.many ? std::min(s.hops, s.hops_many) : s.hops;
        for (int h = 0; h < hops; ++h) {
            const VectorXd& u = best_.minimum.u;
            const bool far = h == 1 && drops(u);
            const Minimum here = descend(far ? dropped(u, s.drop) : hop(h, u), far ? settings_.newton : brief_);
            if (here.sum < s.worth_following * best_.minimum.sum) follow(here, best_.start);
        }
    }

    bool drops(const VectorXd& u) const {
        return u.size() > 1 && u.size() <= settings_.hops.drop_up_to && !std::isfinite(order_.bottom);
    }

    VectorXd hop(int count, const VectorXd& u) {
        const auto kept_inside = [&](VectorXd moved) {
            return inside(std::move(moved), order_, u, settings_.starts.off_bounds);
        };
        if (count == 0 && u.size() > 1) return kept_inside(without_first(u));
        switch (count % 3) {
            case 0: return kept_inside(relocate(u, order_, random_));
            case 1: return kept_inside(wave(u, random_));
            default: return kept_inside(jitter(u, order_, settings_.hops.jitter, random_));
        }
    }

    Minimum descend(const VectorXd& u, const NewtonSettings& effort) {
        Minimum found = minimize(objective_, order_, u, effort);
        iterations_ += found.iterations;
        return found;
    }

    void follow(const Minimum& from, int start) {
        const Minimum end = from.status == MinimizeStatus::converged ? from : descend(from.u, settings_.newton);
        const bool both = end.status == MinimizeStatus::converged || best_.minimum.status != MinimizeStatus::converged;
        // A minimum that converged is given up only for one that is clearly lower.
        if (end.sum < best_.minimum.sum * (both ? 1.0 - 1e-12 : 1.0 - 1e-4)) {
            best_.minimum = end;
            best_.start = start;
        }
    }

    Objective& objective_;
    const OrderConstraints order_;
    const DesignSettings& settings_;
    NewtonSettings brief_;
    Generator random_;
    Found best_;
    int iterations_ = 0;
};

}  // namespace

Found search_by_hops(Objective& objective, const OrderConstraints& order, const std::vector<Candidate>& starts) {
    return HopSearch(objective, order).run(starts);
}

}  // namespace specsched
