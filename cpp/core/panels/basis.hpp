// The nodes of a panel: Chebyshev points of the first kind, and the matrices between values there, series and powers.
#pragma once

#include "core/kernels/kernels.hpp"

namespace specsched {

struct NodeBasis {
    double point[panel_nodes];  // in (-1, 1)
    PanelBasis matrices{};

    NodeBasis();
};
const NodeBasis& node_basis();

// The eigenvalue of node j in a panel around `center`.
double node_of(double center, int j);

}  // namespace specsched
