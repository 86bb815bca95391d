// Modes in closed form: Gaussian data, and a guided pair of Gaussians with shared eigenvectors.
#pragma once

#include "core/modes/source.hpp"

namespace specsched::modes {

// One mode per eigenvalue: k = lambda / (lambda + r^2), a = 0, started from 1 at the level `first`.
class Gaussian : public Group {
  public:
    // multiplicity: directions that an eigenvalue stands for; weight: of the squared error of its gain.
    Gaussian(ArrayXd eigenvalues, ArrayXd multiplicity, ArrayXd weight, double first);
    std::ptrdiff_t channels() const override { return lambda_.size(); }
    ChannelAnswers channel_answers(double level, double eta) const override;
    Shifts shifts(double level, const ArrayXd& slope, const ArrayXd& slope_d) const override;
    ArrayXd solution(double level) const override;
    ArrayXd flow(double level, double last) const override;

  private:
    ArrayXd lambda_, root_multiplicity_;
    double first_;
};

// D = g D_cond + (1 - g) D_uncond. Per pair of variances one mode for the deviation, started from 1, and one for each
// pair of means, started from 0.
class Guided : public Group {
  public:
    struct Means {
        std::vector<int> pair;          // to which pair of variances they belong
        ArrayXd cond, uncond;
    };
    Guided(ArrayXd cond, ArrayXd uncond, double scale, ArrayXd multiplicity, ArrayXd weight, Means means, double first);
    std::ptrdiff_t channels() const override { return cond_.size(); }
    ChannelAnswers channel_answers(double level, double eta) const override;
    Shifts shifts(double level, const ArrayXd& slope, const ArrayXd& slope_d) const override;
    ArrayXd solution(double level) const override;
    ArrayXd flow(double level, double last) const override;

  private:
    // Logarithm of the exact gain of a deviation, up to a constant: h(r) = (c + r^2)^(g/2) (u + r^2)^((1-g)/2).
    ArrayXd log_gain(double level) const;
    ArrayXd at_means(const ArrayXd& by_pair) const;

    ArrayXd cond_, uncond_, root_multiplicity_;
    double scale_;
    Means means_;
    double first_;
};

}  // namespace specsched::modes
