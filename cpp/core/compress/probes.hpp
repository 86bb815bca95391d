// The functions on which a compressed spectrum is checked: terms of real losses and their derivatives, for schedules
// of few and of many steps that span the spectrum or a part of it.
#pragma once

#include <vector>

#include "core/compress/measure.hpp"

namespace specsched::compression {

enum class Carried { counts, mean_power };

struct ProbeSums {
    std::vector<double> value;
    std::vector<double> size;  // the same sums of absolute values: what an error is compared with
};

class Probes {
  public:
    // For eigenvalues in [2^low, 2^high].
    Probes(double low, double high);

    ProbeSums sums(const Measure& measure, Carried carried) const;

  private:
    std::vector<std::vector<double>> schedules_;
};

// The largest |a - b| relative to the sizes of `exact`.
double largest_error(const ProbeSums& exact, const ProbeSums& approximate);

}  // namespace specsched::compression
