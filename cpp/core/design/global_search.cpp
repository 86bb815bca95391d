#include "core/design/global_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr int explore_iterations = 20;
constexpr std::size_t followed = 2;     // explored starts that are followed to the end
constexpr double hop_size = 0.8;        // standard deviation of a jitter, as a share of the gap to the neighbours
constexpr Index few_levels = 6;         // up to here the far drop is tried
constexpr Index many_levels = 12;       // beyond it the minima differ little and each hop costs more
constexpr double drop = 10.0;           // in log sigma
constexpr double worth_following = 1.05;  // a hop that comes this near to the best after exploring is followed

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

// The nearest levels inside the constraints, with a little room; sorted, so that the order holds.
VectorXd inside(VectorXd moved, const OrderConstraints& order, const VectorXd& otherwise) {
    const Index n = moved.size();
    std::sort(moved.data(), moved.data() + n, std::greater<double>());
    const double gap = order.gap + 1e-6;
    moved[0] = std::min(moved[0], order.top - gap);
    for (Index k = 1; k < n; ++k) moved[k] = std::min(moved[k], moved[k - 1] - gap);
    if (std::isfinite(order.bottom)) {
        double least = order.bottom + order.bottom_gap + 1e-6;
        for (Index k = n - 1; k >= 0; --k, least += gap) moved[k] = std::max(moved[k], least);
    }
    return moved[0] < order.top - order.gap ? moved : otherwise;
}

// Every log-level by about the room it has.
VectorXd jitter(const VectorXd& u, const OrderConstraints& order, Generator& random) {
    const Index n = u.size();
    VectorXd moved = u;
    for (Index k = 0; k < n; ++k) {
        const double above = (k ? u[k - 1] : order.top) - u[k];
        const double below = k + 1 < n ? u[k] - u[k + 1] : std::isfinite(order.bottom) ? u[k] - order.bottom : above;
        moved[k] += hop_size * random.normal() * std::min(0.5 * (above + below), 1.0);
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
    const Index from = std::min(static_cast<Index>(random.uniform() * static_cast<double>(n)), n - 1);
    const Index to = std::min(static_cast<Index>(random.uniform() * static_cast<double>(n)), n - 1);
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
VectorXd dropped(const VectorXd& u) {
    const Index n = u.size();
    VectorXd moved(n);
    moved.head(n - 1) = spread(u, n - 1);
    moved[n - 1] = moved[n - 2] - drop;
    return moved;
}

bool drops(const VectorXd& u, const OrderConstraints& order) {
    return u.size() > 1 && u.size() <= few_levels && !std::isfinite(order.bottom);
}

VectorXd hop(int count, const VectorXd& u, const OrderConstraints& order, Generator& random) {
    if (count == 0 && u.size() > 1) return inside(without_first(u), order, u);
    switch (count % 3) {
        case 0: return inside(relocate(u, order, random), order, u);
        case 1: return inside(wave(u, random), order, u);
        default: return inside(jitter(u, order, random), order, u);
    }
}

class GlobalSearch {
  public:
    GlobalSearch(Objective& objective, const OrderConstraints& order, const DesignOptions& options)
        : objective_(objective), order_(order), options_(options), brief_(options.minimize) {
        brief_.max_iterations = std::min(explore_iterations, options.minimize.max_iterations);
        best_.minimum.sum = std::numeric_limits<double>::infinity();
    }

    GlobalMinimum run(const std::vector<VectorXd>& starts) {
        if (starts.empty()) return best_;
        struct Explored {
            Minimum minimum;
            std::size_t start;
        };
        std::vector<Explored> explored;
        const std::size_t count = std::min(starts.size(), static_cast<std::size_t>(options_.most_starts));
        for (std::size_t s = 0; s < count; ++s) explored.push_back({descend(starts[s], brief_), s});
        std::stable_sort(explored.begin(), explored.end(),
                         [](const Explored& a, const Explored& b) { return a.minimum.sum < b.minimum.sum; });
        for (std::size_t i = 0; i < std::min(followed, explored.size()); ++i) follow(explored[i].minimum, explored[i].start);
        if (!best_.minimum.u.size()) return best_;  // no finite minimum, or nothing to search
        Generator random;
        const Index n = starts.front().size();
        const int hops = n > many_levels ? std::min(options_.hops, 5) : n > 0 ? options_.hops : 0;
        for (int h = 0; h < hops; ++h) {
            const bool far = h == 1 && drops(best_.minimum.u, order_);
            const Minimum here = descend(far ? dropped(best_.minimum.u) : hop(h, best_.minimum.u, order_, random),
                                         far ? options_.minimize : brief_);
            if (here.sum < worth_following * best_.minimum.sum) follow(here, best_.start);
        }
        best_.iterations = iterations_;
        return best_;
    }

  private:
    Minimum descend(const VectorXd& u, const MinimizeOptions& options) {
        Minimum found = minimize(objective_, order_, u, options);
        iterations_ += found.iterations;
        return found;
    }

    void follow(const Minimum& from, std::size_t start) {
        const Minimum end =
            from.status == MinimizeStatus::converged ? from : descend(from.u, options_.minimize);
        const bool both = end.status == MinimizeStatus::converged || best_.minimum.status != MinimizeStatus::converged;
        // A minimum that converged is given up only for one that is clearly lower.
        if (end.sum < best_.minimum.sum * (both ? 1.0 - 1e-12 : 1.0 - 1e-4)) {
            best_.minimum = end;
            best_.start = start;
        }
    }

    Objective& objective_;
    const OrderConstraints order_;
    const DesignOptions options_;
    MinimizeOptions brief_;
    GlobalMinimum best_;
    int iterations_ = 0;
};

}  // namespace

GlobalMinimum global_search(Objective& objective, const OrderConstraints& order, const std::vector<VectorXd>& starts,
                            const DesignOptions& options) {
    return GlobalSearch(objective, order, options).run(starts);
}

}  // namespace specsched
