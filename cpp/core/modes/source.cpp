#include "core/modes/source.hpp"

#include <cmath>
#include <stdexcept>

namespace specsched::modes {

namespace {

template <class Numbers>
ChannelFields<Numbers> filled(const Numbers& all) {
    return {all, all, all, all, all, all};
}

class ByMode : public Along {
  public:
    ByMode(const Group& group, const std::vector<double>& levels, std::ptrdiff_t ends, double eta) : group_(group) {
        const auto modes = group.weight().size(), count = static_cast<std::ptrdiff_t>(levels.size());
        channels_ = filled<ArrayXXd>(ArrayXXd::Zero(group.channels(), count));
        shift_ = shift_d_ = solution_ = ArrayXXd::Zero(modes, count);
        for (std::ptrdiff_t l = 0; l < count; ++l) {
            const double level = levels[static_cast<std::size_t>(l)];
            if (l == 0 || l >= count - ends) solution_.col(l) = group.solution(level);
            if (level == 0.0) continue;
            const ChannelAnswers said = group.channel_answers(level, eta);
            field_by_field(channels_, said, [&](ArrayXXd& to, const ArrayXd& from, bool) { to.col(l) = from; });
            const Shifts a = group.shifts(level, said.slope, said.slope_d);
            shift_.col(l) = a.shift;
            shift_d_.col(l) = a.shift_d;
        }
    }
    double squares(const SomeChannels& by_shift, const SomeChannels& by_solution, ChannelSums* sums) const override {
        ArrayXd error = ArrayXd::Zero(shift_.rows());
        for (std::ptrdiff_t l = 0; l < by_shift.cols(); ++l)
            for (std::ptrdiff_t i = 0; i < error.size(); ++i) {
                const int c = group_.channel()[static_cast<std::size_t>(i)];
                error[i] += by_shift(c, l) * shift_(i, l) + by_solution(c, l) * solution_(i, l);
            }
        if (sums != nullptr) {
            const ArrayXd slope = 2.0 * group_.weight() * error;
            sums->shift = summed(slope, shift_);
            sums->shift_d = summed(slope, shift_d_);
            sums->solution = summed(slope, solution_);
        }
        return (group_.weight() * error.square()).sum();
    }

  private:
    ArrayXXd summed(const ArrayXd& weight, const ArrayXXd& said) const {
        ArrayXXd out = ArrayXXd::Zero(group_.channels(), said.cols());
        for (std::ptrdiff_t l = 0; l < said.cols(); ++l)
            for (std::ptrdiff_t i = 0; i < weight.size(); ++i)
                out(group_.channel()[static_cast<std::size_t>(i)], l) += weight[i] * said(i, l);
        return out;
    }

    const Group& group_;
    ArrayXXd shift_, shift_d_, solution_;  // [modes x levels]
};

// Groups one after the other, with shares of their squares.
class Several : public Along {
  public:
    Several(const std::vector<GroupPointer>& groups, const std::vector<double>& shares,
            const std::vector<double>& levels, std::ptrdiff_t ends, double eta)
        : groups_(groups), shares_(shares) {
        for (const GroupPointer& group : groups) {
            parts_.push_back(group->along(levels, ends, eta));
            all_channels_ += group->channels();
        }
        channels_ = filled<ArrayXXd>(ArrayXXd::Zero(all_channels_, static_cast<std::ptrdiff_t>(levels.size())));
        std::ptrdiff_t at = 0;
        for (std::size_t g = 0; g < parts_.size(); ++g) {
            const ChannelTable& part = parts_[g]->channels();
            const double root = std::sqrt(shares[g]);
            field_by_field(channels_, part, [&](ArrayXXd& to, const ArrayXXd& from, bool deviation) {
                to.middleRows(at, from.rows()) = (deviation ? root : 1.0) * from;
            });
            at += part.slope.rows();
        }
    }
    double squares(const SomeChannels& by_shift, const SomeChannels& by_solution, ChannelSums* sums) const override {
        if (sums != nullptr)
            sums->shift = sums->shift_d = sums->solution = ArrayXXd::Zero(all_channels_, by_shift.cols());
        double sum = 0.0;
        std::ptrdiff_t at = 0;
        for (std::size_t g = 0; g < parts_.size(); ++g) {
            const std::ptrdiff_t channels = groups_[g]->channels();
            ChannelSums one;
            sum +=
                shares_[g] * parts_[g]->squares(by_shift.middleRows(at, channels), by_solution.middleRows(at, channels),
                                                sums != nullptr ? &one : nullptr);
            if (sums != nullptr) {
                sums->shift.middleRows(at, channels) = shares_[g] * one.shift;
                sums->shift_d.middleRows(at, channels) = shares_[g] * one.shift_d;
                sums->solution.middleRows(at, channels) = shares_[g] * one.solution;
            }
            at += channels;
        }
        return sum;
    }

  private:
    const std::vector<GroupPointer>& groups_;
    const std::vector<double>& shares_;
    std::vector<std::unique_ptr<Along>> parts_;
    std::ptrdiff_t all_channels_ = 0;
};

}  // namespace

std::unique_ptr<Along> Group::along(const std::vector<double>& levels, std::ptrdiff_t ends, double eta) const {
    return std::make_unique<ByMode>(*this, levels, ends, eta);
}

std::unique_ptr<Along> Source::along(const std::vector<double>& levels, std::ptrdiff_t ends, double eta) const {
    if (groups_.size() == 1 && shares_.front() == 1.0) return groups_.front()->along(levels, ends, eta);
    return std::make_unique<Several>(groups_, shares_, levels, ends, eta);
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
    ChannelAnswers all = filled<ArrayXd>(ArrayXd::Zero(channels_));
    std::ptrdiff_t channel = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const ChannelAnswers one = groups_[g]->channel_answers(level, eta);
        const std::ptrdiff_t channels = one.slope.size();
        const double root = std::sqrt(shares_[g]);
        field_by_field(all, one, [&](ArrayXd& to, const ArrayXd& from, bool deviation) {
            to.segment(channel, channels) = (deviation ? root : 1.0) * from;
        });
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
