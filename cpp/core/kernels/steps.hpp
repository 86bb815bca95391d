// The constants of each step that a kernel needs, computed once per call.
#pragma once

#include <vector>

#include "core/kernels/dense.hpp"
#include "core/kernels/kernels.hpp"

namespace specsched {

// Owns what its table points to.
class Steps {
  public:
    Steps(DenseSampler sampler, LevelsView levels);
    Steps(const Steps&) = delete;
    Steps& operator=(const Steps&) = delete;
    const StepTable& table() const { return table_; }

  private:
    double* row(const double*& slot);
    void set_ddim();
    void set_ddpm();

    std::vector<double> storage_;
    double* free_;
    StepTable table_{};
};

}  // namespace specsched
