#include "core/design/order.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace specsched {

using Eigen::Index;
using Eigen::VectorXd;

OrderConstraints order_of(const DesignProblem& p) {
    const DesignSettings& settings = p.settings;
    OrderConstraints order;
    order.top = std::log(p.sigma_max);
    order.gap = std::max(settings.least_gap, std::log(settings.min_ratio));
    order.bottom = p.sigma_min > 0.0            ? std::log(p.sigma_min)
                   : settings.sigma_floor > 0.0 ? std::log(settings.sigma_floor)
                                                : -std::numeric_limits<double>::infinity();
    order.bottom_gap = p.sigma_min > 0.0 ? order.gap : 0.0;
    return order;
}

OrderConstraints bounded_order_of(const DesignProblem& p) {
    OrderConstraints order = order_of(p);
    if (!std::isfinite(order.bottom)) order.bottom = std::log(p.settings.lowest_share * p.sigma_max);
    return order;
}

VectorXd slacks(const OrderConstraints& order, const VectorXd& u) {
    const Index n = u.size();
    VectorXd s(n + 1);
    if (n == 0) {
        s[0] = order.top - order.bottom;
        return s;
    }
    s[0] = order.top - u[0] - order.gap;
    for (Index j = 1; j < n; ++j) s[j] = u[j - 1] - u[j] - order.gap;
    s[n] = u[n - 1] - order.bottom - order.bottom_gap;
    return s;
}

std::vector<char> active_at(const OrderConstraints& order, const VectorXd& u, double closed) {
    const VectorXd slack = slacks(order, u);
    std::vector<char> active(static_cast<std::size_t>(u.size()) + 1, 0);
    for (Index j = 0; j <= u.size() && u.size() > 0; ++j) active[static_cast<std::size_t>(j)] = slack[j] < closed;
    return active;
}

VectorXd descending(VectorXd u) {
    std::sort(u.data(), u.data() + u.size(), std::greater<double>());
    return u;
}

VectorXd repaired(VectorXd u, const OrderConstraints& order, double off) {
    const Index n = u.size();
    const double room = order.top - order.bottom - order.bottom_gap;
    const double spare = std::max(room / static_cast<double>(n) - order.gap, 0.0);
    const double slack = std::min(off, 0.5 * spare);
    const double gap = order.gap + slack;
    for (Index k = 0; k < n; ++k) u[k] = std::min(u[k], (k ? u[k - 1] : order.top) - gap);
    if (std::isfinite(order.bottom))
        for (Index k = n - 1; k >= 0; --k)
            u[k] = std::max(u[k], k + 1 < n ? u[k + 1] + gap : order.bottom + order.bottom_gap + slack);
    return u;
}

}  // namespace specsched
