#include "core/design/partition.hpp"

#include <algorithm>
#include <cmath>

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double wide = 1.1;           // times the gaps on both sides
constexpr Index few_levels = 8;        // where single levels at the ends are blocks too
constexpr std::size_t most_blocks = 6;
constexpr double hopeless = 1.5;       // times the present loss, before descending

// First level of every block: those below the widest of the wide gaps, from the top down.
std::vector<Index> block_starts(const VectorXd& u) {
    const Index n = u.size();
    const auto gap = [&](Index j) { return u[j - 1] - u[j]; };
    std::vector<Index> starts;
    const Index edge = n > few_levels ? 2 : 1;  // towards both ends the gaps widen anyway
    for (Index j = edge; j <= n - edge; ++j) {
        const double above = j > 1 ? gap(j - 1) : 0.0, below = j + 1 < n ? gap(j + 1) : 0.0;
        if (gap(j) > wide * std::max(above, below)) starts.push_back(j);
    }
    std::sort(starts.begin(), starts.end(), [&](Index a, Index b) { return gap(a) > gap(b); });
    if (starts.size() >= most_blocks) starts.resize(most_blocks - 1);
    std::sort(starts.begin(), starts.end());
    starts.insert(starts.begin(), 0);
    return starts;
}

// As many levels as asked for, spread like those of a block: linear in its index, both of its ends kept.
void spread(const VectorXd& block, Index count, double* out) {
    const double last = static_cast<double>(block.size() - 1);
    for (Index k = 0; k < count; ++k) {
        const double place = count > 1 ? last * static_cast<double>(k) / static_cast<double>(count - 1) : 0.5 * last;
        const Index j = std::min(static_cast<Index>(place), std::max<Index>(block.size() - 2, 0));
        const double share = place - static_cast<double>(j);
        out[k] = block.size() == 1 ? block[0] - 0.5 * static_cast<double>(k)
                                   : block[j] + share * (block[j + 1] - block[j]);
    }
}

}  // namespace

std::vector<VectorXd> moves_between_blocks(Objective& objective, const VectorXd& u, std::size_t most) {
    const Index n = u.size();
    if (n < 2) return {};
    const std::vector<Index> starts = block_starts(u);
    const std::size_t count = starts.size();
    if (count < 2) return {};
    const double present = objective.value(u);
    struct Move {
        VectorXd u;
        double sum;
    };
    std::vector<Move> moves;
    for (std::size_t from = 0; from < count; ++from) {
        for (std::size_t to = 0; to < count; ++to) {
            if (from == to) continue;
            VectorXd moved(n);
            Index filled = 0;
            for (std::size_t b = 0; b < count; ++b) {
                const Index begin = starts[b], size = (b + 1 < count ? starts[b + 1] : n) - begin;
                const Index wanted = size + (b == to) - (b == from);
                if (wanted > 0) spread(u.segment(begin, size), wanted, moved.data() + filled);
                filled += wanted;
            }
            std::sort(moved.data(), moved.data() + n, [](double a, double b) { return a > b; });
            const double sum = objective.value(moved);
            if (sum < hopeless * present) moves.push_back({std::move(moved), sum});
        }
    }
    std::stable_sort(moves.begin(), moves.end(), [](const Move& a, const Move& b) { return a.sum < b.sum; });
    if (moves.size() > most) moves.resize(most);
    std::vector<VectorXd> found;
    for (Move& move : moves) found.push_back(std::move(move.u));
    return found;
}

}  // namespace specsched
