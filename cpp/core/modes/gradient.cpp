#include "core/modes/gradient.hpp"

#include <cmath>

namespace specsched::modes {

namespace {

// A prediction by channel, derivatives by log r: gain k y and variance of the error. Its shift is `factor` times
// (a, and a_d - `fall` a by log r).
struct Prediction {
    ArrayXd gain, gain_d, variance, variance_d, variance_by_share;
    double level, factor, fall;
};

Prediction predict(const Source& source, const Program& program, const SweepOperation& op) {
    const double level = program.level[op.level], share = program.factor[op.first];
    const ChannelAnswers a = source.channel_answers(level, std::sqrt(program.error));
    const ArrayXd smooth = a.spread.square();
    Prediction p{a.slope,
                 a.slope_d,
                 share * smooth + a.rough.square(),
                 2.0 * (share * a.spread * a.spread_d + a.rough * a.rough_d),
                 smooth,
                 level,
                 1.0,
                 0.0};
    if (op.kind != noise_prediction) return p;
    // (y - D) / r.
    const double square = level * level;
    p.gain_d = -(a.slope_d + (1.0 - a.slope)) / level;
    p.gain = (1.0 - a.slope) / level;
    p.variance_d = (p.variance_d - 2.0 * p.variance) / square;
    p.variance /= square;
    p.variance_by_share /= square;
    p.factor = -1.0 / level;
    p.fall = 1.0;
    return p;
}

class TwoSweeps {
  public:
    TwoSweeps(const Source& source, const Program& program, const std::vector<double>& sigmas)
        : source_(source),
          program_(program),
          sigmas_(sigmas),
          prediction_of_(program.operations.size(), -1),
          by_factor_(VectorXd::Zero(static_cast<Eigen::Index>(program.factor.size()))),
          by_level_(VectorXd::Zero(static_cast<Eigen::Index>(program.level.size()))) {
        for (std::size_t o = 0; o < program.operations.size(); ++o) {
            if (program.operations[o].kind == 0) continue;
            prediction_of_[o] = static_cast<Eigen::Index>(predictions_.size());
            predictions_.push_back(predict(source, program, program.operations[o]));
        }
        std::vector<double> levels;
        for (const Prediction& p : predictions_) levels.push_back(p.level);
        first_ = static_cast<Eigen::Index>(levels.size());
        levels.insert(levels.end(), {sigmas.front(), sigmas.back(), near()});
        along_ = source.along(levels);
        backward();
        errors();
        forward();
    }

    SumsAndGradient contracted(const Columns& columns, bool table) const {
        SumsAndGradient out{bias_, noise_, VectorXd::Zero(columns.count(table))};
        const auto spread = [&](const std::vector<Slope>& slopes, const VectorXd& adjoint) {
            for (std::size_t i = 0; i < slopes.size(); ++i)
                for (const auto& [column, value] : derivative_columns(slopes[i], columns, table, sigmas_))
                    out.slopes[column] += value * adjoint[static_cast<Eigen::Index>(i)];
        };
        spread(program_.factor_slope, by_factor_);
        spread(program_.level_slope, by_level_);
        out.slopes[columns.level(0)] += end_slope(sigmas_.front(), first_, gain_.col(0), columns.by_log);
        out.slopes[columns.level(columns.steps)] -=
            end_slope(sigmas_.back(), first_ + 1, ArrayXd::Ones(source_.channels()), columns.by_log);
        return out;
    }

  private:
    // Beside a last level of 0: the exact solution is linear in r there, or flat.
    double near() const { return 1e-9 * sigmas_.front(); }
    Eigen::Index registers() const { return static_cast<Eigen::Index>(program_.operations.size()) + 1; }

    // Gain from every register to the output.
    void backward() {
        gain_ = ArrayXXd::Zero(source_.channels(), registers());
        gain_.col(program_.step_output.back()).setOnes();
        for (Eigen::Index o = registers() - 1; o-- > 0;) {
            const SweepOperation& op = program_.operations[static_cast<std::size_t>(o)];
            if (op.kind == 0)
                for (int t = op.first; t < op.first + op.count; ++t)
                    gain_.col(program_.source[t]) += program_.factor[t] * gain_.col(o + 1);
            else
                gain_.col(program_.source[op.first]) += prediction(o).gain * gain_.col(o + 1);
        }
    }

    // The error of each mode is linear in what the modes say at all levels, and so is the sum of squares around it.
    void errors() {
        ArrayXXd by_shift = ArrayXXd::Zero(source_.channels(), first_ + 3), by_solution = by_shift;
        for (Eigen::Index o = 0; o + 1 < registers(); ++o) {
            if (program_.operations[static_cast<std::size_t>(o)].kind == 0) continue;
            const Prediction& p = prediction(o);
            by_shift.col(prediction_of_[static_cast<std::size_t>(o)]) = p.factor * gain_.col(o + 1);
            noise_ += (p.variance * gain_.col(o + 1).square()).sum();
        }
        by_solution.col(first_) = gain_.col(0);
        by_solution.col(first_ + 1) = -1.0;
        const ArrayXd error = along_->combined(by_shift, by_solution);
        bias_ = (source_.weight() * error.square()).sum();
        sums_ = along_->summed(2.0 * source_.weight() * error);
    }

    // m, the sum over a channel's modes of error slope times register, fed with 2 variance gain by errors of predictions.
    void forward() {
        ArrayXXd m(source_.channels(), registers());
        m.col(0) = sums_.solution.col(first_);
        for (Eigen::Index o = 0; o + 1 < registers(); ++o) {
            const SweepOperation& op = program_.operations[static_cast<std::size_t>(o)];
            const auto gain = gain_.col(o + 1);
            auto made = m.col(o + 1);
            if (op.kind == 0) {
                made.setZero();
                for (int t = op.first; t < op.first + op.count; ++t) {
                    const auto read = m.col(program_.source[t]);
                    made += program_.factor[t] * read;
                    by_factor_[t] = (gain * read).sum();
                }
                continue;
            }
            const Prediction& p = prediction(o);
            const Eigen::Index l = prediction_of_[static_cast<std::size_t>(o)];
            const auto read = m.col(program_.source[op.first]);
            made = p.gain * read + p.factor * sums_.shift.col(l) + 2.0 * p.variance * gain;
            const ArrayXd slope =
                p.gain_d * read + p.factor * (sums_.shift_d.col(l) - p.fall * sums_.shift.col(l)) + p.variance_d * gain;
            by_level_[op.level] = (gain * slope).sum() / p.level;
            by_factor_[op.first] = (p.variance_by_share * gain.square()).sum();
        }
    }

    // The ends move along the exact solution: dy / dlog r = (1 - k) y - a.
    double end_slope(double level, Eigen::Index at, const ArrayXd& factor, bool by_log) const {
        if (level == 0.0 && by_log) return 0.0;
        if (level == 0.0) return (factor * (sums_.solution.col(first_ + 2) - sums_.solution.col(at))).sum() / near();
        const ArrayXd slope = (1.0 - source_.channel_answers(level, 0.0).slope) * sums_.solution.col(at);
        const double moved = (factor * (slope - sums_.shift.col(at))).sum();
        return by_log ? moved : moved / level;
    }

    const Prediction& prediction(Eigen::Index operation) const {
        return predictions_[static_cast<std::size_t>(prediction_of_[static_cast<std::size_t>(operation)])];
    }

    const Source& source_;
    const Program& program_;
    const std::vector<double>& sigmas_;
    std::vector<Prediction> predictions_;
    std::vector<Eigen::Index> prediction_of_;  // of each operation, or -1
    std::unique_ptr<Along> along_;  // the predictions' levels, the first one, the last one, and near()
    Eigen::Index first_ = 0;
    ArrayXXd gain_;  // from each register to the output [channels x registers]
    ChannelSums sums_;
    double bias_ = 0.0, noise_ = 0.0;
    VectorXd by_factor_, by_level_;
};

}  // namespace

SumsAndGradient sums_and_gradient(const Source& source, const Program& program, const std::vector<double>& sigmas,
                                  const Columns& columns, bool table) {
    return TwoSweeps(source, program, sigmas).contracted(columns, table);
}

}  // namespace specsched::modes
