#include "core/modes/floored.hpp"

#include <utility>

namespace specsched::modes {

Floored::Floored(GroupPointer group, double floor)
    : group_(std::move(group)), floor_(floor), solution_(group_->solution(floor)) {
    weight_ = group_->weight();
    channel_ = group_->channel();
    const ChannelAnswers at = group_->channel_answers(floor, 0.0);
    slope_ = at.slope;
    said_ = group_->shifts(floor, at.slope, at.slope_d).shift;
    for (std::ptrdiff_t i = 0; i < said_.size(); ++i)
        said_[i] += slope_[channel_[static_cast<std::size_t>(i)]] * solution_[i];
}

ArrayXd Floored::solution(double level) const {
    if (level >= floor_) return group_->solution(level);
    const double share = level / floor_;
    return share * solution_ + (1.0 - share) * said_;
}

ArrayXd Floored::flow(double level, double last) const {
    if (last >= floor_) return group_->flow(level, last);
    const double share = last / floor_;
    return group_->flow(level, floor_) * (share + (1.0 - share) * slope_);
}

}  // namespace specsched::modes
