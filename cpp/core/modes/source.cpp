#include "core/modes/source.hpp"

#include <cmath>
#include <stdexcept>

namespace specsched::modes {

Source::Source(std::vector<GroupPointer> groups, std::vector<double> shares)
    : groups_(std::move(groups)), shares_(std::move(shares)) {
    if (groups_.empty() || groups_.size() != shares_.size())
        throw std::invalid_argument("modes need at least one group, and one share for each");
    std::ptrdiff_t count = 0;
    for (const GroupPointer& group : groups_) count += group->weight().size();
    weight_.resize(count);
    std::ptrdiff_t at = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const ArrayXd& weight = groups_[g]->weight();
        weight_.segment(at, weight.size()) = weight * shares_[g];
        for (const int c : groups_[g]->channel()) channel_.push_back(static_cast<int>(channels_) + c);
        at += weight.size();
        channels_ += groups_[g]->channels();
    }
    root_weight_ = weight_.sqrt();
    one_to_one_ = channels_ == count;
    for (std::size_t i = 0; i < channel_.size(); ++i) one_to_one_ = one_to_one_ && channel_[i] == static_cast<int>(i);
}

Answers Source::answer(double level, double eta) const {
    Answers all;
    for (ArrayXd* const part : {&all.slope, &all.slope_d, &all.spread, &all.spread_d, &all.rough, &all.rough_d})
        part->resize(channels_);
    all.shift.resize(size());
    all.shift_d.resize(size());
    std::ptrdiff_t channel = 0, mode = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const Answers one = groups_[g]->answer(level, eta);
        const std::ptrdiff_t channels = one.slope.size(), modes = one.shift.size();
        const double root = std::sqrt(shares_[g]);
        all.slope.segment(channel, channels) = one.slope;
        all.slope_d.segment(channel, channels) = one.slope_d;
        all.spread.segment(channel, channels) = one.spread * root;
        all.spread_d.segment(channel, channels) = one.spread_d * root;
        all.rough.segment(channel, channels) = one.rough * root;
        all.rough_d.segment(channel, channels) = one.rough_d * root;
        all.shift.segment(mode, modes) = one.shift;
        all.shift_d.segment(mode, modes) = one.shift_d;
        channel += channels;
        mode += modes;
    }
    return all;
}

ArrayXd Source::solution(double level) const {
    ArrayXd all(size());
    std::ptrdiff_t at = 0;
    for (const GroupPointer& group : groups_) {
        const ArrayXd one = group->solution(level);
        all.segment(at, one.size()) = one;
        at += one.size();
    }
    return all;
}

ArrayXd Source::flow(double level, double last) const {
    ArrayXd all(channels_);
    std::ptrdiff_t at = 0;
    for (const GroupPointer& group : groups_) {
        const ArrayXd one = group->flow(level, last);
        all.segment(at, one.size()) = one;
        at += one.size();
    }
    return all;
}

ArrayXd Source::spread_out(const ArrayXd& by_channel) const {
    if (one_to_one_) return by_channel;
    ArrayXd all(size());
    for (std::ptrdiff_t i = 0; i < size(); ++i) all[i] = by_channel[channel_[static_cast<std::size_t>(i)]];
    return all;
}

}  // namespace specsched::modes
