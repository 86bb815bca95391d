#include "core/panels/basis.hpp"

#include <cmath>

namespace specsched {

NodeBasis::NodeBasis() {
    const double pi = std::acos(-1.0);
    for (int j = 0; j < panel_nodes; ++j) {
        const double angle = pi * (j + 0.5) / panel_nodes;
        point[j] = std::cos(angle);
        for (int k = 0; k < panel_nodes; ++k) {
            const double entry = (k == 0 ? 1.0 : 2.0) / panel_nodes * std::cos(k * angle);
            matrices.chebyshev[j * panel_rows + k] = matrices.from_chebyshev[k * panel_rows + j] = entry;
        }
    }
    // Powers of T_n: T_{n + 1} = 2 t T_n - T_{n - 1}, exact in integers.
    double power[panel_nodes][panel_nodes] = {{1.0}, {0.0, 1.0}};
    for (int n = 2; n < panel_nodes; ++n)
        for (int k = 0; k <= n; ++k) power[n][k] = (k > 0 ? 2.0 * power[n - 1][k - 1] : 0.0) - power[n - 2][k];
    for (int n = 0; n < panel_nodes; ++n)
        for (int k = 0; k < panel_nodes; ++k)
            matrices.powers[n * panel_rows + k] = matrices.from_powers[k * panel_rows + n] = power[n][k];
}

const NodeBasis& node_basis() {
    static const NodeBasis made;
    return made;
}

double node_of(double center, int j) {
    const double x = node_basis().point[j] / panel_stretch;
    return center * (1.0 + x) / (1.0 - x);
}

}  // namespace specsched
