#include <algorithm>
#include <cmath>

#include "core/design/moves.hpp"
#include "core/sort_by.hpp"

namespace specsched {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

// First level of every block: those below the widest of the wide gaps, from the top down.
std::vector<Index> block_starts(const VectorXd& u, const MoveSettings& settings) {
    const Index n = u.size();
    const auto gap = [&](Index j) { return u[j - 1] - u[j]; };
    std::vector<Index> starts;
    const Index edge = n > settings.edges_up_to ? 2 : 1;  // towards both ends the gaps widen anyway
    for (Index j = edge; j <= n - edge; ++j) {
        const double above = j > 1 ? gap(j - 1) : 0.0, below = j + 1 < n ? gap(j + 1) : 0.0;
        if (gap(j) > settings.wide_gap * std::max(above, below)) starts.push_back(j);
    }
    sort_by(starts, [&](Index j) { return -gap(j); });
    const auto most = static_cast<std::size_t>(settings.most_blocks);
    if (starts.size() >= most) starts.resize(most - 1);
    sort_by(starts, [](Index j) { return j; });
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
        out[k] =
            block.size() == 1 ? block[0] - 0.5 * static_cast<double>(k) : block[j] + share * (block[j + 1] - block[j]);
    }
}

// The levels with one of block `from` given to block `to`, both spread anew.
VectorXd moved_level(const VectorXd& u, const std::vector<Index>& starts, std::size_t from, std::size_t to) {
    const Index n = u.size();
    VectorXd moved(n);
    Index filled = 0;
    for (std::size_t b = 0; b < starts.size(); ++b) {
        const Index begin = starts[b], size = (b + 1 < starts.size() ? starts[b + 1] : n) - begin;
        const Index wanted = size + (b == to) - (b == from);
        if (wanted > 0) spread(u.segment(begin, size), wanted, moved.data() + filled);
        filled += wanted;
    }
    return descending(std::move(moved));
}

}  // namespace

std::vector<VectorXd> moves_between_blocks(Objective& objective, const VectorXd& u) {
    const MoveSettings& settings = objective.problem().settings.moves;
    if (u.size() < 2) return {};
    const std::vector<Index> starts = block_starts(u, settings);
    if (starts.size() < 2) return {};
    const double present = objective.value(u);
    struct Move {
        VectorXd u;
        double sum;
    };
    std::vector<Move> moves;
    for (std::size_t from = 0; from < starts.size(); ++from)
        for (std::size_t to = 0; to < starts.size(); ++to) {
            if (from == to) continue;
            VectorXd moved = moved_level(u, starts, from, to);
            const double sum = objective.value(moved);
            if (sum < settings.hopeless * present) moves.push_back({std::move(moved), sum});
        }
    sort_by(moves, [](const Move& move) { return move.sum; });
    const auto most = static_cast<std::size_t>(settings.block_moves);
    if (moves.size() > most) moves.resize(most);
    std::vector<VectorXd> found;
    for (Move& move : moves) found.push_back(std::move(move.u));
    return found;
}

}  // namespace specsched
