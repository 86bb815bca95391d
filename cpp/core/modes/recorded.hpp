// Modes of a recorded network: Chebyshev series in log r.
#pragma once

#include "core/modes/source.hpp"

namespace specsched::modes {

using Eigen::MatrixXd;

// An interval of log r, as [-1, 1]; what lives on it is constant beyond its ends.
class Interval {
  public:
    Interval(double low, double high) : low_(low), high_(high) {}
    double low() const { return low_; }
    double high() const { return high_; }
    double half() const { return 0.5 * (high_ - low_); }
    // Derivatives by log r of T_0, T_1, ... at some places, then they themselves, in the first columns of `out`
    // [terms x 2 places or more].
    void polynomials(const std::vector<double>& places, Eigen::Ref<MatrixXd> out) const;

  private:
    double low_, high_;
};

// In a mode the network predicts s(r) along its own trajectory y(r), which starts from 0 at the highest level; away from
// it, D = s + k_b (y' - y) with the slope of the mode's band: a = s - k_b y. Below the lowest level, where the network is
// never asked, s is constant, so that the trajectory ends in s of the lowest level.
class Recorded : public Group {
  public:
    struct Bands {
        ArrayXXd slope;  // Chebyshev coefficients of k_b [bands x n]
        ArrayXXd
            roughness;  // of the standard deviation of the fit's residual in one direction [bands x n], or no columns
        ArrayXd variance;  // of the data in one direction [bands]
        ArrayXd dimension;  // directions [bands]
    };
    // prediction: Chebyshev coefficients of s in log r between the two levels [modes x n].
    Recorded(double lowest, double highest, ArrayXXd prediction, std::vector<int> band, ArrayXd weight, Bands bands);
    std::ptrdiff_t channels() const override { return variance_.size(); }
    ChannelAnswers channel_answers(double level, double eta) const override;
    Shifts shifts(double level, const ArrayXd& slope, const ArrayXd& slope_d) const override;
    ArrayXd solution(double level) const override;
    ArrayXd flow(double level, double last) const override;
    // All modes are combinations of the same few series: sums over levels, and over modes, of their coefficients.
    std::unique_ptr<Along> along(const std::vector<double>& levels, std::ptrdiff_t ends, double eta) const override;

  private:
    friend class AlongRecorded;
    // What networks that predict T_0, T_1, ... say along their trajectories at some levels: derivatives of s by log r, then
    // s, of as many terms as any series has, then y* of the n networks that are needed [terms x 3 levels].
    struct Basis {
        std::ptrdiff_t levels, n;
        MatrixXd all;
        ArrayXd moves;  // whether y* still moves there: 0 above the highest level
        auto slopes(std::ptrdiff_t terms) const { return all.topLeftCorner(terms, levels); }
        auto values(std::ptrdiff_t terms) const { return all.block(0, levels, terms, levels); }
        auto said() const { return all.topRows(n); }
    };
    Basis basis(const std::vector<double>& levels) const;
    ChannelTable channel_table(const Basis& at, const std::vector<double>& levels, double eta) const;

    Interval interval_;
    MatrixXd prediction_;  // [modes x n]
    MatrixXd trajectory_;  // of the networks that predict T_0, T_1, ... [n x terms]
    MatrixXd slope_, slope_integral_, roughness_;  // [bands x terms]
    // Of each band: combinations of the predictions with the same sums of squares, by rows and by columns.
    std::vector<MatrixXd> errors_, errors_transposed_;
    ArrayXd variance_, root_;  // of the data, and the root of the number of directions [bands]
};

}  // namespace specsched::modes
