// Affine modes: directions in which the denoiser is D(y, r) = k(r) y + a(r). Data, guidance and recorded networks are
// sets of them; losses add over modes.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <memory>
#include <vector>

namespace specsched::modes {

using Eigen::ArrayXd;
using Eigen::ArrayXXd;

// What the denoiser says, with derivatives by log r. Modes that share a slope share a channel; errors of predictions enter
// by channel.
template <class Numbers>
struct ChannelFields {
    Numbers slope, slope_d;  // k
    // Standard deviations of the error of a prediction, all directions together: of a smooth one, of which neighbouring
    // levels have a part in common (core/engine/engine.hpp), and of a white one.
    Numbers spread, spread_d, rough, rough_d;
};
// Calls visit(field, the same field of the other, whether it is a standard deviation).
template <class To, class From, class Visit>
void field_by_field(ChannelFields<To>& to, const ChannelFields<From>& from, const Visit& visit) {
    visit(to.slope, from.slope, false);
    visit(to.slope_d, from.slope_d, false);
    visit(to.spread, from.spread, true);
    visit(to.spread_d, from.spread_d, true);
    visit(to.rough, from.rough, true);
    visit(to.rough_d, from.rough_d, true);
}
using ChannelAnswers = ChannelFields<ArrayXd>;  // at one level [channels]
using ChannelTable = ChannelFields<ArrayXXd>;  // at several [channels x levels]; without meaning where the level is 0

struct Shifts {
    ArrayXd shift, shift_d;  // a [modes]
};
struct Answers : ChannelAnswers, Shifts {};

using SomeChannels = Eigen::Ref<const ArrayXXd>;

// Sums over the modes of each channel [channels x levels].
struct ChannelSums {
    ArrayXXd shift, shift_d, solution;
};

// What is said along some levels: by channels, and in the sums over modes that losses and their gradients take of it.
// Where the level is 0, there is a solution only; elsewhere it is there at the ends: the first level, and the last few
// (`ends`).
class Along {
  public:
    virtual ~Along() = default;
    const ChannelTable& channels() const { return channels_; }
    // The sum over the modes of weight e^2, e the sum over the levels of by_shift a + by_solution y*; the factors are
    // [channels x levels]. With `sums`, also those of its slopes by e times a, its derivative by log r, and y*.
    virtual double squares(const SomeChannels& by_shift, const SomeChannels& by_solution, ChannelSums* sums) const = 0;

  protected:
    ChannelTable channels_;
};

// One kind of modes. Levels are positive unless said otherwise.
class Group {
  public:
    virtual ~Group() = default;
    virtual std::ptrdiff_t channels() const = 0;
    // `eta`: standard deviation of an error, as a fraction of the posterior's spread in each direction.
    virtual ChannelAnswers channel_answers(double level, double eta) const = 0;
    // `slope` and `slope_d`: what channel_answers says there.
    virtual Shifts shifts(double level, const ArrayXd& slope, const ArrayXd& slope_d) const = 0;
    // The exact solution of the probability flow, [modes]; the level may be 0.
    virtual ArrayXd solution(double level) const = 0;
    // What the exact flow from a level to `last` (may be 0) multiplies a deviation by, [channels].
    virtual ArrayXd flow(double level, double last) const = 0;
    // Mode by mode, unless a kind knows better. What it returns refers to the group.
    virtual std::unique_ptr<Along> along(const std::vector<double>& levels, std::ptrdiff_t ends, double eta) const;

    const ArrayXd& weight() const { return weight_; }  // of squared errors, [modes]
    const std::vector<int>& channel() const { return channel_; }  // of each mode

  protected:
    ArrayXd weight_;
    std::vector<int> channel_;
};

using GroupPointer = std::shared_ptr<const Group>;

// Several groups, one after the other.
class Source {
  public:
    // `shares` multiply the squared errors of the groups, those of their predictions included.
    Source(std::vector<GroupPointer> groups, std::vector<double> shares);

    std::ptrdiff_t size() const { return weight_.size(); }
    std::ptrdiff_t channels() const { return channels_; }
    const ArrayXd& weight() const { return weight_; }
    const ArrayXd& root_weight() const { return root_weight_; }
    const std::vector<int>& channel() const { return channel_; }

    ChannelAnswers channel_answers(double level, double eta) const;
    Answers answer(double level, double eta) const;
    ArrayXd solution(double level) const;
    ArrayXd flow(double level, double last) const;
    std::unique_ptr<Along> along(const std::vector<double>& levels, std::ptrdiff_t ends, double eta) const;
    // Channel values at each mode.
    ArrayXd spread_out(const ArrayXd& by_channel) const;

  private:
    std::vector<GroupPointer> groups_;
    std::vector<double> shares_;
    ArrayXd weight_, root_weight_;
    std::vector<int> channel_;
    std::ptrdiff_t channels_ = 0;
    bool one_to_one_ = true;  // mode i has channel i
};

}  // namespace specsched::modes
