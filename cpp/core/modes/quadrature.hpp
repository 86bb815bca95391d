// Composite Gauss-Legendre quadrature for functions of log r that are analytic within pi/2 of the real axis.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

namespace specsched::modes {

// Calls add(x, weight) at the nodes. Panels of length 1 with eight nodes leave errors below 1e-12: the nearest
// singularity, at distance pi/2 from the axis, bounds them by about (0.5 / (pi/2 + sqrt(pi^2/4 + 1/4)))^16.
template <class Add>
void integrate(double from, double to, const Add& add) {
    constexpr std::array<double, 4> node{0.18343464249564980, 0.52553240991632899, 0.79666647741362674,
                                         0.96028985649753623};
    constexpr std::array<double, 4> weight{0.36268378337836198, 0.31370664587788729, 0.22238103445337447,
                                           0.10122853629037626};
    const int panels = std::max(1, static_cast<int>(std::ceil(to - from)));
    const double half = 0.5 * (to - from) / panels;
    for (int p = 0; p < panels; ++p) {
        const double middle = from + (2 * p + 1) * half;
        for (std::size_t i = 0; i < node.size(); ++i) {
            add(middle - half * node[i], half * weight[i]);
            add(middle + half * node[i], half * weight[i]);
        }
    }
}

}  // namespace specsched::modes
