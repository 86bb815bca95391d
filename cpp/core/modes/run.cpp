#include "core/modes/run.hpp"

#include <cmath>

namespace specsched::modes {

Run::Run(const Source& source, const Program& program, const std::vector<double>& sigmas, bool derivatives)
    : source_(source), program_(program), sigmas_(sigmas), prediction_of_(program.operations.size(), -1) {
    for (std::size_t o = 0; o < program.operations.size(); ++o) {
        if (program.operations[o].kind == 0) continue;
        prediction_of_[o] = static_cast<int>(predictions_.size());
        predictions_.push_back(predict(static_cast<int>(o)));
    }
    forward();
    backward();
    if (derivatives) sensitivities();
}

Run::Row Run::row(const Slope& slope, const Columns& columns, bool table) const {
    Row out;
    for_columns(slope, columns, table, sigmas_, [&](int column, double value) { out.emplace_back(column, value); });
    return out;
}

// D = k y + a at the level, or (y - D) / r.
Run::Prediction Run::predict(int operation) const {
    const SweepOperation& op = program_.operations[static_cast<std::size_t>(operation)];
    const double level = program_.level[static_cast<std::size_t>(op.level)];
    Answers a = source_.answer(level, std::sqrt(program_.error));
    const double share = program_.factor[static_cast<std::size_t>(op.first)];
    const ArrayXd spread = (share * a.spread.square() + a.rough.square()).sqrt();
    const ArrayXd inverse = (spread > 0.0).select(1.0 / spread, 0.0);
    ArrayXd by_share = 0.5 * a.spread.square() * inverse;
    a.spread_d = (share * a.spread * a.spread_d + a.rough * a.rough_d) * inverse;
    a.spread = spread;
    if (op.kind == noise_prediction) {
        a.slope_d = -(a.slope_d + (1.0 - a.slope)) / level;
        a.slope = (1.0 - a.slope) / level;
        a.shift_d = (a.shift - a.shift_d) / level;
        a.shift = -a.shift / level;
        a.spread_d = (a.spread_d - a.spread) / level;
        a.spread = a.spread / level;
        by_share /= level;
    }
    Prediction p{operation, a.slope, a.slope_d / level, a.spread,         a.spread_d / level, by_share,
                 {},        {},      a.shift,           a.shift_d / level};
    p.mode_gain = source_.spread_out(p.gain);
    p.mode_gain_d = source_.spread_out(p.gain_d);
    return p;
}

void Run::forward() {
    const std::size_t count = program_.operations.size();
    value_ = ArrayXXd::Zero(source_.size(), static_cast<Eigen::Index>(count) + 1);
    value_.col(0) = source_.solution(sigmas_.front());
    for (std::size_t o = 0; o < count; ++o) {
        const SweepOperation& op = program_.operations[o];
        auto made = value_.col(static_cast<Eigen::Index>(o) + 1);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t)
                made += program_.factor[t] * value_.col(program_.source[t]);
        } else {
            const Prediction& p = predictions_[static_cast<std::size_t>(prediction_of_[o])];
            made = p.mode_gain * value_.col(program_.source[op.first]) + p.shift;
        }
    }
    bias_ = source_.root_weight() * (value_.col(program_.step_output.back()) - source_.solution(sigmas_.back()));
}

void Run::backward() {
    const std::size_t count = program_.operations.size();
    gain_ = ArrayXXd::Zero(source_.channels(), static_cast<Eigen::Index>(count) + 1);
    gain_.col(program_.step_output.back()).setOnes();
    for (std::size_t o = count; o-- > 0;) {
        const SweepOperation& op = program_.operations[o];
        const auto made = gain_.col(static_cast<Eigen::Index>(o) + 1);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t)
                gain_.col(program_.source[t]) += program_.factor[t] * made;
        } else {
            gain_.col(program_.source[op.first]) +=
                predictions_[static_cast<std::size_t>(prediction_of_[o])].gain * made;
        }
    }
    noise_.resize(source_.channels(), static_cast<Eigen::Index>(predictions_.size()));
    for (std::size_t p = 0; p < predictions_.size(); ++p)
        noise_.col(static_cast<Eigen::Index>(p)) = predictions_[p].spread * gain_.col(predictions_[p].operation + 1);
}

void Run::sensitivities() {
    const std::size_t count = program_.operations.size();
    from_.assign(predictions_.size(), {});
    for (std::size_t p = 0; p < predictions_.size(); ++p) {
        ArrayXXd& from = from_[p] = ArrayXXd::Zero(source_.channels(), static_cast<Eigen::Index>(count) + 1);
        from.col(predictions_[p].operation + 1).setOnes();
        for (std::size_t o = static_cast<std::size_t>(predictions_[p].operation) + 1; o < count; ++o) {
            const SweepOperation& op = program_.operations[o];
            auto made = from.col(static_cast<Eigen::Index>(o) + 1);
            if (op.kind == 0) {
                for (int t = op.first; t < op.first + op.count; ++t)
                    made += program_.factor[t] * from.col(program_.source[t]);
            } else {
                made = predictions_[static_cast<std::size_t>(prediction_of_[o])].gain *
                       from.col(program_.source[op.first]);
            }
        }
    }
}

MatrixXd Run::bias_rows(const Columns& columns, bool table) const {
    MatrixXd rows = MatrixXd::Zero(source_.size(), columns.count(table));
    for (std::size_t o = 0; o < program_.operations.size(); ++o) {
        const SweepOperation& op = program_.operations[o];
        const ArrayXd carried = source_.spread_out(gain_.col(static_cast<Eigen::Index>(o) + 1));
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t) {
                const Row by = row(program_.factor_slope[t], columns, table);
                if (by.empty()) continue;
                const ArrayXd adjoint = carried * value_.col(program_.source[t]);
                for (const auto& [column, value] : by) rows.col(column).array() += value * adjoint;
            }
        } else {
            const Prediction& p = predictions_[static_cast<std::size_t>(prediction_of_[o])];
            const Row by = row(program_.level_slope[op.level], columns, table);
            const ArrayXd adjoint = carried * (p.mode_gain_d * value_.col(program_.source[op.first]) + p.shift_d);
            for (const auto& [column, value] : by) rows.col(column).array() += value * adjoint;
        }
    }
    // The ends move along the exact solution: dy / dlog r = (1 - k) y - a.
    const auto moved = [&](double level) -> ArrayXd {
        if (level == 0.0 && columns.by_log) return ArrayXd::Zero(source_.size());
        // Near 0 the exact solution is linear in r, or flat.
        const double near = 1e-9 * sigmas_.front();
        if (level == 0.0) return (source_.solution(near) - source_.solution(0.0)) / near;
        const Answers a = source_.answer(level, 0.0);
        const ArrayXd slope = (1.0 - source_.spread_out(a.slope)) * source_.solution(level) - a.shift;
        return columns.by_log ? slope : slope / level;
    };
    rows.col(columns.level(0)).array() += source_.spread_out(gain_.col(0)) * moved(sigmas_.front());
    rows.col(columns.level(columns.steps)).array() -= moved(sigmas_.back());
    rows.array().colwise() *= source_.root_weight();
    return rows;
}

MatrixXd Run::noise_rows(std::size_t prediction, const Columns& columns, bool table) const {
    const Prediction& own = predictions_[prediction];
    const ArrayXXd& from = from_[prediction];
    MatrixXd rows = MatrixXd::Zero(source_.channels(), columns.count(table));
    for (std::size_t o = static_cast<std::size_t>(own.operation) + 1; o < program_.operations.size(); ++o) {
        const SweepOperation& op = program_.operations[o];
        const auto carried = gain_.col(static_cast<Eigen::Index>(o) + 1);
        if (op.kind == 0) {
            for (int t = op.first; t < op.first + op.count; ++t) {
                if (program_.source[t] <= own.operation) continue;  // made before the prediction: no error in it
                const Row by = row(program_.factor_slope[t], columns, table);
                if (by.empty()) continue;
                const ArrayXd adjoint = carried * from.col(program_.source[t]);
                for (const auto& [column, value] : by) rows.col(column).array() += value * adjoint;
            }
        } else {
            const Prediction& p = predictions_[static_cast<std::size_t>(prediction_of_[o])];
            const ArrayXd adjoint = carried * p.gain_d * from.col(program_.source[op.first]);
            for (const auto& [column, value] : row(program_.level_slope[op.level], columns, table))
                rows.col(column).array() += value * adjoint;
        }
    }
    rows.array().colwise() *= own.spread;
    const ArrayXd by_level = own.spread_d * gain_.col(own.operation + 1);
    const ArrayXd by_share = own.spread_by_share * gain_.col(own.operation + 1);
    const SweepOperation& made = program_.operations[static_cast<std::size_t>(own.operation)];
    for (const auto& [column, value] : row(program_.level_slope[made.level], columns, table))
        rows.col(column).array() += value * by_level;
    for (const auto& [column, value] : row(program_.factor_slope[made.first], columns, table))
        rows.col(column).array() += value * by_share;
    return rows;
}

Run::Normal Run::normal(const Columns& columns, bool table) const {
    const MatrixXd bias = bias_rows(columns, table);
    Normal out{bias.transpose() * bias_.matrix(), MatrixXd::Zero(bias.cols(), bias.cols())};
    out.matrix.selfadjointView<Eigen::Lower>().rankUpdate(bias.transpose());
    for (std::size_t p = 0; p < predictions_.size(); ++p) {
        if (!(predictions_[p].spread > 0.0).any()) continue;
        const MatrixXd rows = noise_rows(p, columns, table);
        out.gradient += rows.transpose() * noise_.col(static_cast<Eigen::Index>(p)).matrix();
        out.matrix.selfadjointView<Eigen::Lower>().rankUpdate(rows.transpose());
    }
    out.matrix.triangularView<Eigen::StrictlyUpper>() = out.matrix.transpose();
    return out;
}

MatrixXd Run::jacobian(const Columns& columns, bool table) const {
    const Eigen::Index channels = source_.channels();
    MatrixXd all(source_.size() + noise_.size(), columns.count(table));
    all.topRows(source_.size()) = bias_rows(columns, table);
    for (std::size_t p = 0; p < predictions_.size(); ++p)
        all.middleRows(source_.size() + static_cast<Eigen::Index>(p) * channels, channels) =
            noise_rows(p, columns, table);
    return all;
}

}  // namespace specsched::modes
