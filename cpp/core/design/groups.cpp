#include "core/design/groups.hpp"

#include <algorithm>

namespace specsched {

Groups::Groups(const std::vector<char>& active) : active_(active), of_level_(active.size() - 1) {
    const std::size_t n = of_level_.size();
    std::size_t k = 0;
    while (k < n) {
        std::size_t end = k + 1;
        while (end < n && active[end]) ++end;
        const bool fixed = (k == 0 && active[0]) || (end == n && active[n]);
        for (; k < end; ++k) of_level_[k] = fixed ? -1 : count_;
        if (!fixed) ++count_;
    }
}

Eigen::VectorXd Groups::reduce(const Eigen::VectorXd& by_level) const {
    Eigen::VectorXd sums = Eigen::VectorXd::Zero(count_);
    for (Eigen::Index k = 0; k < levels(); ++k)
        if (of_level(k) >= 0) sums[of_level(k)] += by_level[k];
    return sums;
}

Eigen::VectorXd Groups::expand(const Eigen::VectorXd& by_group) const {
    Eigen::VectorXd values(levels());
    for (Eigen::Index k = 0; k < levels(); ++k) values[k] = of_level(k) >= 0 ? by_group[of_level(k)] : 0.0;
    return values;
}

Eigen::VectorXd Groups::multipliers(const Eigen::VectorXd& gradient) const {
    // gradient_k = m_{k+1} - m_k: sum from the free side of each run.
    const Eigen::Index n = levels();
    Eigen::VectorXd m = Eigen::VectorXd::Zero(n + 1);
    const auto is_active = [&](Eigen::Index j) { return active_[static_cast<std::size_t>(j)] != 0; };
    Eigen::Index first_free = 0;
    if (n > 0 && is_active(0)) {
        while (first_free < n && is_active(first_free)) ++first_free;
        for (Eigen::Index k = first_free - 1; k >= 0; --k) m[k] = m[k + 1] - gradient[k];
    }
    for (Eigen::Index k = first_free; k < n; ++k) m[k + 1] = is_active(k + 1) ? m[k] + gradient[k] : 0.0;
    return m;
}

double error_unit(double sum, double power) {
    constexpr double least_share = 1e-6;  // a W2 distance of a thousandth of the data's size counts as nearly 0
    return std::max(sum, least_share * power);
}

// Without any power (no eigenvalue, no weight) a slope of 0 is what it should be.
double relative_error(double slope, double unit) { return slope == 0.0 ? 0.0 : slope / unit; }

double kkt_error(const Groups& groups, const Eigen::VectorXd& gradient, double unit) {
    const Eigen::VectorXd forces = groups.reduce(gradient);
    const double force = forces.size() ? forces.cwiseAbs().maxCoeff() : 0.0;
    return std::max(relative_error(force, unit), relative_error(-groups.multipliers(gradient).minCoeff(), unit));
}

}  // namespace specsched
