#include "core/modes/gradient.hpp"

#include <cmath>

#include "core/engine/sweeps.hpp"

namespace specsched::modes {

namespace {

using Eigen::Index;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

class TwoSweeps {
  public:
    TwoSweeps(const Source& source, const Program& program, const std::vector<double>& sigmas, bool gradient)
        : program_(program), sigmas_(sigmas), levels_{sigmas.front()}, noisy_(program.error > 0.0) {
        levels_.reserve(sigmas.size() + 2);
        column_.reserve(program.operations.size());
        for (const SweepOperation& op : program.operations) {
            column_.push_back(-1);
            if (op.kind == 0) continue;
            // Predictions in a row at one level, as the last of a step of Heun and the first of the next one.
            if (program.level[at(op.level)] != levels_.back()) levels_.push_back(program.level[at(op.level)]);
            column_.back() = static_cast<Index>(levels_.size()) - 1;
        }
        last_ = static_cast<Index>(levels_.size());
        levels_.push_back(sigmas.back());
        if (gradient && sigmas.back() == 0.0) levels_.push_back(near());
        along_ = source.along(levels_, static_cast<Index>(levels_.size()) - last_, std::sqrt(program.error));
        channels_ = along_->channels().slope.rows();
        rows_ = (channels_ + channel_padding - 1) / channel_padding * channel_padding;
        slope_ = padded(along_->channels().slope);
        gain_ = ArrayXXd::Zero(rows_, registers());
        gain_.col(program_.step_output.back()).head(channels_).setOnes();
        by_shift_ = ArrayXXd::Zero(rows_, slope_.cols());
        sweeps().channel_gains(sweep(nullptr));
    }

    Sums sums() const { return errors(nullptr); }

    SumsAndGradient with_gradient(const Columns& columns, bool table) {
        SumsAndGradient out{errors(&sums_), VectorXd::Zero(columns.count(table))};
        forward();
        const auto spread = [&](const std::vector<Slope>& slopes, const std::vector<double>& adjoint) {
            for (std::size_t i = 0; i < slopes.size(); ++i)
                for_columns(slopes[i], columns, table, sigmas_,
                            [&](int column, double value) { out.slopes[column] += value * adjoint[i]; });
        };
        spread(program_.factor_slope, by_factor_);
        for (std::size_t l = 0; l < by_level_.size(); ++l)
            by_level_[l] /= program_.level[l];  // by logarithms till here
        spread(program_.level_slope, by_level_);
        out.slopes[columns.level(0)] += end_slope(0, gain_.col(0).head(channels_), columns.by_log);
        out.slopes[columns.level(columns.steps)] -= end_slope(last_, ArrayXd::Ones(channels_), columns.by_log);
        return out;
    }

  private:
    // Beside a last level of 0: the exact solution is linear in r there, or flat.
    double near() const { return 1e-9 * sigmas_.front(); }
    Index registers() const { return static_cast<Index>(program_.operations.size()) + 1; }
    const SweepOperation& operation(Index o) const { return program_.operations[at(o)]; }
    Index column(Index o) const { return column_[at(o)]; }

    // The sweeps take channels in blocks of lanes.
    ArrayXXd padded(const ArrayXXd& table) const {
        ArrayXXd out(rows_, table.cols());
        out.topRows(channels_) = table;
        out.bottomRows(rows_ - channels_).setZero();
        return out;
    }
    ChannelSweep sweep(const double* slope_d) {
        return {program_.view(), column_.data(), rows_, slope_.data(), slope_d, gain_.data(), by_shift_.data()};
    }

    // A prediction is D = k y + a, or (y - D) / r.
    bool of_noise(Index o) const { return operation(o).kind == noise_prediction; }
    double factor(Index o) const { return of_noise(o) ? -1.0 / levels_[at(column(o))] : 1.0; }
    auto gain(Index o) const { return gain_.col(o + 1).head(channels_); }
    // Of the errors that are a prediction's own.
    ArrayXd variance(Index o) const {
        const ChannelTable& said = along_->channels();
        const double f = factor(o), share = program_.factor[at(operation(o).first)];
        return f * f * (share * said.spread.col(column(o)).square() + said.rough.col(column(o)).square());
    }

    // The error of each mode is linear in what the modes say at all levels, and so is the sum of squares around it.
    Sums errors(ChannelSums* slopes) const {
        double noise = 0.0;
        for (Index o = 0; noisy_ && o + 1 < registers(); ++o)
            if (operation(o).kind != 0) noise += (variance(o) * gain(o).square()).sum();
        ArrayXXd by_solution = ArrayXXd::Zero(channels_, slope_.cols());
        by_solution.col(0) = gain_.col(0).head(channels_);
        by_solution.col(last_) = -1.0;
        return {along_->squares(by_shift_.topRows(channels_), by_solution, slopes), noise};
    }

    // m, the sum over a channel's modes of error slope times register, fed with 2 variance gain by errors of predictions.
    void forward() {
        by_factor_.assign(program_.factor.size(), 0.0);
        by_level_.assign(program_.level.size(), 0.0);
        ArrayXXd m = ArrayXXd::Zero(rows_, registers());
        m.col(0).head(channels_) = sums_.solution.col(0);
        for (Index o = 0; noisy_ && o + 1 < registers(); ++o)
            if (operation(o).kind != 0) feed(o, m.col(o + 1).head(channels_));
        const ArrayXXd slope_d = padded(along_->channels().slope_d), shift = padded(sums_.shift),
                       shift_d = padded(sums_.shift_d);
        sweeps().channel_adjoints(sweep(slope_d.data()),
                                  {shift.data(), shift_d.data(), m.data(), by_factor_.data(), by_level_.data()});
    }

    // What the error of a prediction adds to the register that it makes, and to adjoints.
    void feed(Index o, Eigen::Ref<ArrayXd> made) {
        const SweepOperation& op = operation(o);
        const ChannelTable& said = along_->channels();
        const Index l = column(o);
        const double f = factor(o), share = program_.factor[at(op.first)];
        const ArrayXd own = variance(o), square = f * f * gain(o).square();
        made = 2.0 * own * gain(o);
        const auto spread = said.spread.col(l), rough = said.rough.col(l);
        double by_log = 2.0 * (square * (share * spread * said.spread_d.col(l) + rough * said.rough_d.col(l))).sum();
        if (of_noise(o)) by_log -= 2.0 * (own * gain(o).square()).sum();
        by_level_[at(op.level)] = by_log;
        by_factor_[at(op.first)] = (square * spread.square()).sum();
    }

    // The ends move along the exact solution: dy / dlog r = (1 - k) y - a.
    double end_slope(Index end, const ArrayXd& factor, bool by_log) const {
        const double level = levels_[at(end)];
        if (level == 0.0 && by_log) return 0.0;
        const auto solution = sums_.solution.col(end);
        if (level == 0.0) return (factor * (sums_.solution.col(last_ + 1) - solution)).sum() / near();
        const double moved =
            (factor * ((1.0 - along_->channels().slope.col(end)) * solution - sums_.shift.col(end))).sum();
        return by_log ? moved : moved / level;
    }

    const Program& program_;
    const std::vector<double>& sigmas_;
    std::vector<double> levels_;  // the first, those of the predictions, the last, and near() it where that is 0
    bool noisy_;
    std::vector<Index> column_;  // of each operation: its level, or -1
    Index last_ = 0, channels_ = 0, rows_ = 0;
    std::unique_ptr<Along> along_;
    ArrayXXd slope_, by_shift_;  // [rows x levels]
    ArrayXXd gain_;  // from each register to the output [rows x registers]
    ChannelSums sums_;
    std::vector<double> by_factor_, by_level_;
};

}  // namespace

Sums sums(const Source& source, const Program& program, const std::vector<double>& sigmas) {
    return TwoSweeps(source, program, sigmas, false).sums();
}

SumsAndGradient sums_and_gradient(const Source& source, const Program& program, const std::vector<double>& sigmas,
                                  const Columns& columns, bool table) {
    return TwoSweeps(source, program, sigmas, true).with_gradient(columns, table);
}

}  // namespace specsched::modes
