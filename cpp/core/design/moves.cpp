#include "core/design/moves.hpp"

#include <algorithm>
#include <limits>

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();

VectorXd without(const VectorXd& u, Index left_out) {
    VectorXd rest(u.size() - 1);
    for (Index k = 0, j = 0; k < u.size(); ++k)
        if (k != left_out) rest[j++] = u[k];
    return rest;
}

// The level whose loss costs least.
Index least_useful(Objective& objective, const VectorXd& u) {
    Index worst = 0;
    double least = infinity;
    for (Index k = 0; k < u.size(); ++k) {
        const double cost = objective.value(without(u, k));
        if (cost < least) {
            least = cost;
            worst = k;
        }
    }
    return worst;
}

// The best place for one more level, in the gap of the wasted one (number `own`) and in the others.
struct Insertion {
    VectorXd u;
    double elsewhere = infinity, in_place = infinity;

    Insertion(Objective& objective, const OrderConstraints& order, double lowest, const VectorXd& rest, Index own) {
        const MoveSettings& settings = objective.problem().settings.moves;
        const Index n = rest.size() + 1;
        for (Index gap = 0; gap <= n - 1; ++gap) {
            const double above = gap > 0 ? rest[gap - 1] : order.top;
            const double below = gap < n - 1 ? rest[gap] : std::min(lowest, above - 1.0);
            if (above - below < 3.0 * order.gap) continue;
            const int places =
                std::clamp(static_cast<int>((above - below) / settings.spacing), 1, settings.most_places);
            for (int place = 1; place <= places; ++place) {
                VectorXd moved(n);
                moved << rest.head(gap), above + (below - above) * place / (places + 1), rest.tail(n - 1 - gap);
                const double sum = objective.value(moved);
                if (gap == own) in_place = std::min(in_place, sum);
                if (gap != own && sum < elsewhere) {
                    elsewhere = sum;
                    u = moved;
                }
            }
        }
    }
};

}  // namespace

VectorXd relocated(Objective& objective, const OrderConstraints& order, double lowest, const Minimum& at) {
    if (at.u.size() < 2) return {};
    const MoveSettings& settings = objective.problem().settings.moves;
    const Index wasted = least_useful(objective, at.u);
    const Insertion best(objective, order, lowest, without(at.u, wasted), wasted);
    const double limit = std::max(at.sum * (1.0 + settings.promising),
                                  std::min(best.in_place, (1.0 + settings.promising_in_gap) * at.sum));
    if (best.u.size() && best.elsewhere < limit) return best.u;
    return {};
}

bool has_ties(const Minimum& minimum) {
    return std::any_of(minimum.active.begin(), minimum.active.end() - 1, [](char a) { return a != 0; });
}

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

}  // namespace specsched
