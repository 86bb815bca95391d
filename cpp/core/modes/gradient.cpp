#include "core/modes/gradient.hpp"

#include <cmath>

namespace specsched::modes {

namespace {

using Eigen::Index;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

class TwoSweeps {
  public:
    TwoSweeps(const Source& source, const Program& program, const std::vector<double>& sigmas, bool gradient)
        : program_(program), sigmas_(sigmas), levels_{sigmas.front()}, noisy_(program.error > 0.0) {
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
        backward();
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
        spread(program_.level_slope, by_level_);
        out.slopes[columns.level(0)] += end_slope(0, gain_.col(0), columns.by_log);
        out.slopes[columns.level(columns.steps)] -= end_slope(last_, ArrayXd::Ones(channels_), columns.by_log);
        return out;
    }

  private:
    // Beside a last level of 0: the exact solution is linear in r there, or flat.
    double near() const { return 1e-9 * sigmas_.front(); }
    Index registers() const { return static_cast<Index>(program_.operations.size()) + 1; }
    const SweepOperation& operation(Index o) const { return program_.operations[at(o)]; }
    Index column(Index o) const { return column_[at(o)]; }

    // A prediction is D = k y + a, or (y - D) / r.
    bool of_noise(Index o) const { return operation(o).kind == noise_prediction; }
    double factor(Index o) const { return of_noise(o) ? -1.0 / levels_[at(column(o))] : 1.0; }
    auto slope(Index o) const { return along_->channels().slope.col(column(o)); }
    // Of the errors that are a prediction's own.
    ArrayXd variance(Index o) const {
        const ChannelTable& said = along_->channels();
        const double f = factor(o), share = program_.factor[at(operation(o).first)];
        return f * f * (share * said.spread.col(column(o)).square() + said.rough.col(column(o)).square());
    }

    // Gain from every register to the output.
    void backward() {
        gain_ = ArrayXXd::Zero(channels_, registers());
        gain_.col(program_.step_output.back()).setOnes();
        for (Index o = registers() - 1; o-- > 0;) {
            const SweepOperation& op = operation(o);
            const auto made = gain_.col(o + 1);
            if (op.kind == 0)
                for (int t = op.first; t < op.first + op.count; ++t)
                    gain_.col(program_.source[at(t)]) += program_.factor[at(t)] * made;
            else if (of_noise(o))
                gain_.col(program_.source[at(op.first)]) -= factor(o) * (1.0 - slope(o)) * made;
            else
                gain_.col(program_.source[at(op.first)]) += slope(o) * made;
        }
    }

    // The error of each mode is linear in what the modes say at all levels, and so is the sum of squares around it.
    Sums errors(ChannelSums* slopes) const {
        ArrayXXd by_shift = ArrayXXd::Zero(channels_, static_cast<Index>(levels_.size())), by_solution = by_shift;
        double noise = 0.0;
        for (Index o = 0; o + 1 < registers(); ++o) {
            if (operation(o).kind == 0) continue;
            by_shift.col(column(o)) += factor(o) * gain_.col(o + 1);
            if (noisy_) noise += (variance(o) * gain_.col(o + 1).square()).sum();
        }
        by_solution.col(0) = gain_.col(0);
        by_solution.col(last_) = -1.0;
        return {along_->squares(by_shift, by_solution, slopes), noise};
    }

    // m, the sum over a channel's modes of error slope times register, fed with 2 variance gain by errors of predictions.
    void forward() {
        by_factor_.assign(program_.factor.size(), 0.0);
        by_level_.assign(program_.level.size(), 0.0);
        ArrayXXd m = ArrayXXd::Zero(channels_, registers());
        m.col(0) = sums_.solution.col(0);
        for (Index o = 0; o + 1 < registers(); ++o) {
            const SweepOperation& op = operation(o);
            if (op.kind != 0) {
                predict(o, m.col(program_.source[at(op.first)]), m.col(o + 1));
                continue;
            }
            for (int t = op.first; t < op.first + op.count; ++t) {
                const auto read = m.col(program_.source[at(t)]);
                m.col(o + 1) += program_.factor[at(t)] * read;
                by_factor_[at(t)] = (gain_.col(o + 1) * read).sum();
            }
        }
    }

    void predict(Index o, Eigen::Ref<const ArrayXd> read, Eigen::Ref<ArrayXd> made) {
        const SweepOperation& op = operation(o);
        const ChannelTable& said = along_->channels();
        const Index l = column(o);
        const double level = levels_[at(l)], f = factor(o);
        const auto gain = gain_.col(o + 1);
        double by_log = 0.0;
        if (of_noise(o)) {
            made = f * (sums_.shift.col(l) - (1.0 - slope(o)) * read);
            by_log = f * (gain * (said.slope_d.col(l) * read + sums_.shift_d.col(l))).sum() - (gain * made).sum();
        } else {
            made = slope(o) * read + sums_.shift.col(l);
            by_log = (gain * (said.slope_d.col(l) * read + sums_.shift_d.col(l))).sum();
        }
        if (noisy_) {
            const ArrayXd own = variance(o), square = f * f * gain.square();
            made += 2.0 * own * gain;
            const double share = program_.factor[at(op.first)];
            const auto spread = said.spread.col(l), rough = said.rough.col(l);
            by_log += 2.0 * (square * (share * spread * said.spread_d.col(l) + rough * said.rough_d.col(l))).sum();
            if (of_noise(o)) by_log -= 2.0 * (own * gain.square()).sum();
            by_factor_[at(op.first)] = (square * spread.square()).sum();
        }
        by_level_[at(op.level)] = by_log / level;
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
    Index last_ = 0, channels_ = 0;
    std::unique_ptr<Along> along_;
    ArrayXXd gain_;  // from each register to the output [channels x registers]
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
