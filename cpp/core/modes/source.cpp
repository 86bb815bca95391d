#include "core/modes/source.hpp"

#include <cmath>
#include <stdexcept>

namespace specsched::modes {

namespace {

class ByMode : public Along {
  public:
    ByMode(const Group& group, const std::vector<double>& levels) : group_(group) {
        const auto modes = group.weight().size(), count = static_cast<std::ptrdiff_t>(levels.size());
        shift_ = shift_d_ = solution_ = ArrayXXd::Zero(modes, count);
        for (std::ptrdiff_t l = 0; l < count; ++l) {
            const double level = levels[static_cast<std::size_t>(l)];
            solution_.col(l) = group.solution(level);
            if (level == 0.0) continue;
            const ChannelAnswers said = group.channel_answers(level, 0.0);
            const Shifts a = group.shifts(level, said.slope, said.slope_d);
            shift_.col(l) = a.shift;
            shift_d_.col(l) = a.shift_d;
        }
    }
    ArrayXd combined(const ArrayXXd& by_shift, const ArrayXXd& by_solution) const override {
        ArrayXd out(shift_.rows());
        for (std::ptrdiff_t i = 0; i < out.size(); ++i) {
            const int c = group_.channel()[static_cast<std::size_t>(i)];
            out[i] = (by_shift.row(c) * shift_.row(i) + by_solution.row(c) * solution_.row(i)).sum();
        }
        return out;
    }
    ChannelSums summed(const ArrayXd& weight) const override {
        const ArrayXXd none = ArrayXXd::Zero(group_.channels(), shift_.cols());
        ChannelSums out{none, none, none};
        for (std::ptrdiff_t i = 0; i < weight.size(); ++i) {
            const int c = group_.channel()[static_cast<std::size_t>(i)];
            out.shift.row(c) += weight[i] * shift_.row(i);
            out.shift_d.row(c) += weight[i] * shift_d_.row(i);
            out.solution.row(c) += weight[i] * solution_.row(i);
        }
        return out;
    }

  private:
    const Group& group_;
    ArrayXXd shift_, shift_d_, solution_;  // [modes x levels]
};

// Groups one after the other.
class Several : public Along {
  public:
    Several(const std::vector<GroupPointer>& groups, const std::vector<double>& levels) : groups_(groups) {
        for (const GroupPointer& group : groups) parts_.push_back(group->along(levels));
    }
    ArrayXd combined(const ArrayXXd& by_shift, const ArrayXXd& by_solution) const override {
        std::ptrdiff_t channel = 0, mode = 0, modes = 0;
        for (const GroupPointer& group : groups_) modes += group->weight().size();
        ArrayXd all(modes);
        for (std::size_t g = 0; g < parts_.size(); ++g) {
            const std::ptrdiff_t channels = groups_[g]->channels(), count = groups_[g]->weight().size();
            all.segment(mode, count) =
                parts_[g]->combined(by_shift.middleRows(channel, channels), by_solution.middleRows(channel, channels));
            channel += channels;
            mode += count;
        }
        return all;
    }
    ChannelSums summed(const ArrayXd& weight) const override {
        std::ptrdiff_t channel = 0, mode = 0, all = 0;
        for (const GroupPointer& group : groups_) all += group->channels();
        ChannelSums out;
        for (std::size_t g = 0; g < parts_.size(); ++g) {
            const std::ptrdiff_t channels = groups_[g]->channels(), count = groups_[g]->weight().size();
            const ChannelSums one = parts_[g]->summed(weight.segment(mode, count));
            const auto put = [&](const ArrayXXd& part, ArrayXXd& to) {
                if (g == 0) to.resize(all, part.cols());
                to.middleRows(channel, channels) = part;
            };
            put(one.shift, out.shift);
            put(one.shift_d, out.shift_d);
            put(one.solution, out.solution);
            channel += channels;
            mode += count;
        }
        return out;
    }

  private:
    const std::vector<GroupPointer>& groups_;
    std::vector<std::unique_ptr<Along>> parts_;
};

}  // namespace

std::unique_ptr<Along> Group::along(const std::vector<double>& levels) const {
    return std::make_unique<ByMode>(*this, levels);
}

std::unique_ptr<Along> Source::along(const std::vector<double>& levels) const {
    return std::make_unique<Several>(groups_, levels);
}

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

ChannelAnswers Source::channel_answers(double level, double eta) const {
    ChannelAnswers all;
    for (ArrayXd* const part : {&all.slope, &all.slope_d, &all.spread, &all.spread_d, &all.rough, &all.rough_d})
        part->resize(channels_);
    std::ptrdiff_t channel = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const ChannelAnswers one = groups_[g]->channel_answers(level, eta);
        const std::ptrdiff_t channels = one.slope.size();
        const double root = std::sqrt(shares_[g]);
        all.slope.segment(channel, channels) = one.slope;
        all.slope_d.segment(channel, channels) = one.slope_d;
        all.spread.segment(channel, channels) = one.spread * root;
        all.spread_d.segment(channel, channels) = one.spread_d * root;
        all.rough.segment(channel, channels) = one.rough * root;
        all.rough_d.segment(channel, channels) = one.rough_d * root;
        channel += channels;
    }
    return all;
}

Answers Source::answer(double level, double eta) const {
    Answers all{channel_answers(level, eta), {ArrayXd(size()), ArrayXd(size())}};
    std::ptrdiff_t channel = 0, mode = 0;
    for (const GroupPointer& group : groups_) {
        const std::ptrdiff_t channels = group->channels(), modes = group->weight().size();
        const Shifts one =
            group->shifts(level, all.slope.segment(channel, channels), all.slope_d.segment(channel, channels));
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
