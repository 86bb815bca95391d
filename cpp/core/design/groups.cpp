#include "core/design/groups.hpp"

#include <limits>

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

Eigen::VectorXd slacks(const OrderConstraints& order, const Eigen::VectorXd& u) {
    const Eigen::Index n = u.size();
    Eigen::VectorXd s(n + 1);
    if (n == 0) {
        s[0] = order.top - order.bottom;
        return s;
    }
    s[0] = order.top - u[0] - order.gap;
    for (Eigen::Index j = 1; j < n; ++j) s[j] = u[j - 1] - u[j] - order.gap;
    s[n] = u[n - 1] - order.bottom - order.bottom_gap;
    return s;
}

}  // namespace specsched
