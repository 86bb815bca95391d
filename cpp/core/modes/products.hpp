// Products of small matrices by the kernels of this machine's instruction set (kernels/products.inl), as Eigen's are for
// the one of every machine.
#pragma once

#include <Eigen/Core>

#include "core/kernels/dispatch.hpp"

namespace specsched::modes {

using ByColumns = Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
using AnyMatrix = Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

// Into c, which is neither of them.
inline void multiply(const ByColumns& a, const AnyMatrix& b, Eigen::Ref<Eigen::MatrixXd> c) {
    kernels().product({a.data(), a.outerStride(), b.data(), b.innerStride(), b.outerStride(), c.data(), c.outerStride(),
                       a.rows(), a.cols(), b.cols()});
}

inline Eigen::MatrixXd product(const ByColumns& a, const AnyMatrix& b) {
    Eigen::MatrixXd c(a.rows(), b.cols());
    multiply(a, b, c);
    return c;
}

}  // namespace specsched::modes
