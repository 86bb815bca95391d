// How a design searches: what was asked for, and every constant of the search with what chose it. One struct, from here
// to the binding, so that a study can vary each (studies/search_settings.py; docs/search_settings.md has its table).
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace specsched {

// Damped Newton with an active set (minimize.hpp).
struct NewtonSettings {
    double tolerance =
        1e-9;  // KKT error: the last digits are free (quadratic convergence), rounding ends them at 1e-12
    int max_iterations =
        500;  // of a descent: seldom more than 40, a few hundred where thousands of levels lie on bounds
    double arrived = 0.02;  // in log sigma, to a known minimum: within it Newton converges in a step or two (study)
    double largest_step = 1.5;  // in log sigma: about the width (full, at half height) of an eigenvalue's rate of loss
    double keep_away = 0.9;  // share of a slack that one step may use up: closes it to `snap` in a few steps
    double snap = 1e-3;  // a blocking slack below this becomes an active constraint (study)
    double closed = 1e-10;  // a slack below this counts as none: rounding of logs up to 50, with room to spare
    int attempts = 40;  // dampings tried in one step: 4^40 covers every scale that a double has
    double rounding = 1e-13;  // relative change of a sum of some hundred terms that is lost in rounding
};

// Where descents begin (starts.hpp).
struct StartSettings {
    int followed = 4;  // starts that are followed to the end: with 3 one design of 2,880 was worse, more find nothing
    int followed_many = 2;  // the same for many levels, where a descent costs more and minima differ less (study)
    int cuts = 12;  // places tried for the last interior level, over half of the range (study)
    double finest_cut = 0.03;  // in log sigma: refining ends below it, where the descent does the rest
    double below_data = 2.5;  // e-folds below the least eigenvalue that counts, where no level changes the loss by 1 %
    double faint = 1e-12;  // share of the power below which an eigenvalue does not count for that
    double off_bounds = 1e-6;  // in log sigma, between a start and its bounds: far above `closed`, far below any gap
};

// What leaves a minimum with wasted levels (moves.hpp).
struct MoveSettings {
    int relocations = 8;  // how often one minimum's worst level may be moved (study)
    double spacing = 0.7;  // in log sigma, of the places tried in a wide gap: half the width of a rate of loss
    int most_places = 8;  // in one gap
    double promising = 1e-3;  // a move that ends this near to the present loss is followed (study)
    double promising_in_gap = 0.02;  // or this near, where no place in its own gap does as well
    int block_moves = 3;  // moves between blocks that are followed each time (study)
    int block_rounds = 64;  // of such moves that improved: a bound on the loop, seldom more than a few
    double wide_gap = 1.1;  // times the gaps beside it: begins a block (study)
    int most_blocks = 6;  // the widest gaps: n (n - 1) moves are tried
    double hopeless = 1.5;  // times the present loss, before descending
    int edges_up_to = 8;  // levels up to which a single level at an end is a block too
    double same_basin = 0.25;  // a start this near (in log sigma) to the best minimum is taken to lead there (study)
    int glance = 15;  // iterations that a second start of many levels gets to show its worth
    double nearly_there = 0.1;  // in log sigma: where such a start is taken to end in a known minimum
};

// Random hops, for solvers with several predictions (search.hpp).
struct HopSettings {
    int explore_iterations = 20;  // of a first descent: enough to rank starts (study)
    int followed = 2;  // explored starts that are followed to the end
    int hops = 8;  // from the best minimum (study)
    int hops_many = 5;  // the same beyond `many` levels
    int many = 12;  // beyond it the minima differ little and each hop costs more
    double jitter = 0.8;  // standard deviation, as a share of the gap to the neighbours
    int drop_up_to = 6;  // levels up to which the far drop is tried
    double drop = 10.0;  // in log sigma: the weight of the extrapolation is then its limit, to 1e-4
    double worth_following = 1.05;  // a hop that comes this near to the best after exploring is followed
};

struct DesignSettings {
    // What was asked for; `wrong` knows the admitted ranges.
    double sigma_floor = 0.0;  // no interior level below it; 0: none
    double min_ratio = 1.0;  // of neighbouring levels: what the search keeps
    double required_ratio = 1.0;  // the same, asked for by the user: what a start must keep to be returned
    int threads = 0;  // 0: OpenMP's default

    NewtonSettings newton;
    StartSettings starts;
    MoveSettings moves;
    HopSettings hops;

    double tied = 1e-7;  // log-ratio to a bound below which a level counts as on it, whatever method put it there
    double least_gap = 1e-9;  // log-ratio of neighbours: strictly decreasing, also after rounding
    double lowest_share = 1e-25;  // of sigma_max: as good as 0, for searches that need a bound (SLSQP)
    int many_levels = 32;  // beyond it relocation costs more than it gains, and damping is by springs (docs/design.md)
    // Eigenvalues x steps below which a parallel region costs more than it saves.
    std::ptrdiff_t parallel_work = 200000;

    // Asked between iterations: true ends the search; may be empty.
    std::function<bool()> interrupted;

    // What is wrong with the values, naming the first; empty: nothing.
    std::string wrong() const;
};

}  // namespace specsched
