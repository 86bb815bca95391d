// Modes of a recorded network: Chebyshev series in log r.
#pragma once

#include "core/modes/source.hpp"

namespace specsched::modes {

// Series sum_n coefficient(i, n) T_n(x) of many functions i on one interval of log r; constant beyond its ends.
class Series {
  public:
    Series(double low, double high, ArrayXXd coefficients);
    ArrayXd value(double x) const;
    ArrayXd slope(double x) const;        // by x; 0 beyond the ends
    ArrayXd integral(double x) const;     // from `low` to x (within the ends)
    const ArrayXXd& coefficients() const { return coefficients_; }
    double low() const { return low_; }
    double high() const { return high_; }

  private:
    double unit(double x) const;  // [low, high] to [-1, 1]

    double low_, high_;
    ArrayXXd coefficients_, derivative_, integral_;
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
    std::unique_ptr<Along> along(const std::vector<double>& levels) const override;

  private:
    friend class AlongRecorded;
    static ArrayXd solution_of(const Series& prediction, const Series& trajectory, double level);
    ArrayXd at_modes(const ArrayXd& by_band) const;

    Series prediction_, trajectory_, slope_;
    Series basis_, basis_trajectory_;  // T_0, T_1, ... as predictions, and the trajectories of these
    Eigen::MatrixXd coefficients_;  // of the modes' predictions [n x modes]
    std::vector<Series> roughness_;  // one, or none
    ArrayXd variance_, dimension_;
};

}  // namespace specsched::modes
