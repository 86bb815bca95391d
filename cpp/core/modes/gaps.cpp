#include "core/modes/gaps.hpp"

#include <algorithm>
#include <cmath>

namespace specsched::modes {

namespace {

constexpr double smallest_share = 1e-7;  // of the room, for a gap at its least: far below what a loss resolves

}  // namespace

Gaps::Gaps(const Ends& ends, int steps)
    : ends_(ends),
      steps_(steps),
      gaps_(ends.last > 0.0 ? steps : steps - 1),
      size_(gaps_),
      bounded_(ends.last > 0.0 || ends.floor > 0.0),
      least_(std::log(ends.least_ratio)),
      room_(1.0) {
    if (gaps_ == 0 || !bounded_) return;
    room_ = std::log(ends.first / (ends.last > 0.0 ? ends.last : ends.floor)) - gaps_ * least_;
    if (ends.last == 0.0) ++size_;  // the share above the floor
}

Eigen::VectorXd Gaps::from_levels(const std::vector<double>& sigmas) const {
    Eigen::VectorXd z(size_);
    double used = 0.0;
    for (int i = 0; i < gaps_; ++i) {
        const double beyond = std::log(sigmas[i] / sigmas[i + 1]) - least_;
        const double share = std::max(beyond / room_, smallest_share);
        used += share;
        z[i] = std::log(share);
    }
    if (size_ > gaps_) z[gaps_] = std::log(std::max(1.0 - used, smallest_share));
    return z;
}

Eigen::VectorXd Gaps::lengths(const Eigen::VectorXd& z) const {
    Eigen::VectorXd share = (z.array() - (bounded_ ? z.maxCoeff() : 0.0)).exp();
    if (bounded_) share /= share.sum();
    return share.head(gaps_).array() * room_ + least_;
}

std::vector<double> Gaps::levels(const Eigen::VectorXd& z) const {
    std::vector<double> sigmas(static_cast<std::size_t>(steps_) + 1, ends_.last);
    sigmas[0] = ends_.first;
    if (size_ == 0) return sigmas;
    const Eigen::VectorXd gap = lengths(z);
    double place = std::log(ends_.first);
    const int inner = steps_ - 1;
    for (int k = 1; k <= inner; ++k) {
        place -= gap[k - 1];
        sigmas[static_cast<std::size_t>(k)] = std::exp(place);
    }
    // Rounding must not leave the last levels below the floor.
    if (ends_.floor > 0.0 && inner > 0) sigmas[inner] = std::max(sigmas[inner], ends_.floor);
    return sigmas;
}

Eigen::MatrixXd Gaps::slopes(const Eigen::VectorXd& z) const {
    Eigen::MatrixXd out = Eigen::MatrixXd::Zero(steps_ + 1, size_);
    if (size_ == 0) return out;
    const Eigen::VectorXd beyond = lengths(z).array() - least_;
    Eigen::VectorXd share(size_);
    share.head(gaps_) = beyond / room_;
    if (size_ > gaps_) share[gaps_] = 1.0 - share.head(gaps_).sum();
    for (int k = 1; k < steps_; ++k) {
        out.row(k) = out.row(k - 1);
        out(k, k - 1) -= beyond[k - 1];
        if (bounded_) out.row(k) += beyond[k - 1] * share.transpose();
    }
    return out;
}

}  // namespace specsched::modes
