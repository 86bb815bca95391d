// One design problem: a spectrum, what runs over the levels, what is minimised, between which ends, and how to search.
#pragma once

#include <string>

#include "core/design/settings.hpp"
#include "core/sampler.hpp"

namespace specsched {

struct DesignProblem {
    SpectrumView nodes;
    Sampler sampler;  // with the denoiser error that the search allows for; reports are those of an exact denoiser
    Criterion criterion;
    double sigma_max;
    double sigma_min;  // may be 0
    std::ptrdiff_t steps;
    DesignSettings settings;

    std::ptrdiff_t interior() const { return steps - 1; }

    // What is wrong with the values, naming the first; empty: nothing. The functions of this folder assume that.
    std::string wrong() const;

    // What a search sees of `steps + 1` levels, in the units of a report, and its gradient by each level (unless null).
    double loss_of(const double* sigmas, double* gradient = nullptr) const;
    // What is reported of them.
    double reported_loss_of(const double* sigmas) const;

    // Whether levels with the right ends keep the floor and the ratio that was asked for: only then they are returned.
    bool admits(const double* sigmas) const;
};

// What is wrong with the ends of `steps` steps, or whether that many of the least ratio do not fit between them, naming
// the first; empty: nothing. sigma_min may be 0, and a floor of 0 is none.
std::string wrong_ends(double sigma_max, double sigma_min, double sigma_floor, double min_ratio, std::ptrdiff_t steps);

// The promise that a design is never worse than a start: the first of the best starts that is better than `value` and
// admitted; -1: there is none. `losses` are those of `count` rows of levels.
std::ptrdiff_t better_start(const DesignProblem& problem, double value, const double* losses, const double* rows,
                            std::ptrdiff_t count);

}  // namespace specsched
