// Modes of a denoiser that is never asked below a level: a run that ends at 0 ends in the prediction there.
#pragma once

#include "core/modes/source.hpp"

namespace specsched::modes {

// Below the floor the prediction stays what it is there, so that the exact solution is linear in the level; above it,
// all is as in the group.
class Floored : public Group {
  public:
    Floored(GroupPointer group, double floor);
    std::ptrdiff_t channels() const override { return group_->channels(); }
    ChannelAnswers channel_answers(double level, double eta) const override {
        return group_->channel_answers(level, eta);
    }
    Shifts shifts(double level, const ArrayXd& slope, const ArrayXd& slope_d) const override {
        return group_->shifts(level, slope, slope_d);
    }
    ArrayXd solution(double level) const override;
    ArrayXd flow(double level, double last) const override;

  private:
    GroupPointer group_;
    double floor_;
    ArrayXd slope_;            // at the floor, [channels]
    ArrayXd solution_, said_;  // at the floor: the exact solution, and what is predicted there [modes]
};

}  // namespace specsched::modes
