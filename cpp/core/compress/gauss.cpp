#include "core/compress/gauss.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace specsched::compression {
namespace {

using Eigen::Index;
using Eigen::Map;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// One implicit QR sweep with Wilkinson's shift on rows lo..hi of a symmetric tridiagonal matrix; `first` is the first
// row of the eigenvector matrix, all of it that weights need.
void sweep(std::vector<double>& d, std::vector<double>& e, std::vector<double>& first, int lo, int hi) {
    const double half_gap = 0.5 * (d[hi - 1] - d[hi]);
    const double corner = e[hi - 1];
    const double distance = std::sqrt(half_gap * half_gap + corner * corner);
    const double shift = d[hi] - corner * corner / (half_gap + std::copysign(distance, half_gap));
    double x = d[lo] - shift, z = e[lo];
    for (int k = lo; k < hi; ++k) {
        const double r = std::sqrt(x * x + z * z);
        const double c = r > 0.0 ? x / r : 1.0, s = r > 0.0 ? z / r : 0.0;
        if (k > lo) e[k - 1] = r;
        const double upper = d[k], lower = d[k + 1], side = e[k];
        d[k] = c * c * upper + 2.0 * c * s * side + s * s * lower;
        d[k + 1] = s * s * upper - 2.0 * c * s * side + c * c * lower;
        e[k] = c * s * (lower - upper) + (c * c - s * s) * side;
        x = e[k];
        if (k + 1 < hi) {
            z = s * e[k + 1];
            e[k + 1] *= c;
        }
        const double kept = first[k];
        first[k] = c * kept + s * first[k + 1];
        first[k + 1] = c * first[k + 1] - s * kept;
    }
}

bool negligible(const std::vector<double>& d, const std::vector<double>& e, int k) {
    return std::abs(e[k]) <= 1e-16 * (std::abs(d[k]) + std::abs(d[k + 1])) || std::abs(e[k]) < 1e-300;
}

// Eigenvalues into d, first components of the eigenvectors into `first`.
void diagonalise(std::vector<double>& d, std::vector<double>& e, std::vector<double>& first) {
    const int n = static_cast<int>(d.size());
    first.assign(n, 0.0);
    first[0] = 1.0;
    int hi = n - 1;
    // Two or three sweeps per eigenvalue are the rule; the bound only guards against a cycle.
    for (int budget = 60 * n; hi > 0 && budget > 0; --budget) {
        if (negligible(d, e, hi - 1)) {
            --hi;
            continue;
        }
        int lo = hi - 1;
        while (lo > 0 && !negligible(d, e, lo - 1)) --lo;
        sweep(d, e, first, lo, hi);
    }
}

// The part of the moments below which another node changes no sum by more than rounding: a rule of k nodes errs by
// (radius)^(2k) times the norm of the k-th polynomial, and a cell's radius is 0.03 of the distance to the nearest pole.
constexpr double enough_for[] = {0.0, 5e-13, 5e-10, 5e-7};

}  // namespace

Jacobi lanczos(const Measure& measure, int max_nodes) {
    Jacobi out;
    const auto n = static_cast<Index>(measure.size());
    const auto [low, high] = std::minmax_element(measure.x.begin(), measure.x.end());
    out.centre = 0.5 * (*low + *high);
    out.half = *high > *low ? 0.5 * (*high - *low) : 1.0;
    out.mass = std::accumulate(measure.mass.begin(), measure.mass.end(), 0.0);

    const Map<const VectorXd> x(measure.x.data(), n), mass(measure.mass.data(), n);
    const VectorXd t = (x.array() - out.centre) / out.half;
    const Index limit = std::min<Index>(max_nodes, n);
    MatrixXd basis(n, limit);
    basis.col(0) = (mass.array() / out.mass).sqrt();
    VectorXd next(n), overlap(limit);
    for (Index k = 0;; ++k) {
        next = t.cwiseProduct(basis.col(k));
        out.diagonal.push_back(next.dot(basis.col(k)));
        if (k + 1 == limit) break;
        // The three-term recurrence takes out what is large, one pass against all earlier vectors what rounding left.
        next -= out.diagonal.back() * basis.col(k);
        if (k > 0) next -= out.off_diagonal.back() * basis.col(k - 1);
        const auto done = basis.leftCols(k + 1);
        overlap.head(k + 1).noalias() = done.transpose() * next;
        next.noalias() -= done * overlap.head(k + 1);
        const double norm = next.norm();
        if (norm < 1e-13) break;
        out.off_diagonal.push_back(norm);
        basis.col(k + 1) = next / norm;
    }
    return out;
}

Measure gauss_rule(const Jacobi& jacobi, int nodes) {
    const int n = std::min(nodes, jacobi.size());
    std::vector<double> d(jacobi.diagonal.begin(), jacobi.diagonal.begin() + n), first;
    std::vector<double> e(jacobi.off_diagonal.begin(), jacobi.off_diagonal.begin() + (n - 1));
    diagonalise(d, e, first);
    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int a, int b) { return d[a] < d[b]; });
    Measure rule;
    for (int k : order) rule.add(jacobi.centre + jacobi.half * d[k], jacobi.mass * first[k] * first[k]);
    return rule;
}

void append_cell_rule(const double* moments, double centre, double half, Measure& out) {
    if (!(moments[0] > 0.0)) return;
    constexpr int n = cell_moments / 2;
    Jacobi jacobi;
    jacobi.mass = moments[0];
    jacobi.centre = centre;
    jacobi.half = half;
    // Chebyshev's algorithm: row[l] = integral of p_k t^l for the monic orthogonal p_k.
    double row[cell_moments], before[cell_moments] = {};
    for (int l = 0; l < cell_moments; ++l) row[l] = moments[l] / moments[0];
    double shift = row[1], ratio = 0.0;
    jacobi.diagonal.push_back(shift);
    for (int k = 1; k < n; ++k) {
        double next[cell_moments] = {};
        for (int l = k; l < cell_moments - k; ++l) next[l] = row[l + 1] - shift * row[l] - ratio * before[l];
        if (!(next[k] > enough_for[k])) break;
        shift = next[k + 1] / next[k] - row[k] / row[k - 1];
        ratio = next[k] / row[k - 1];
        jacobi.diagonal.push_back(shift);
        jacobi.off_diagonal.push_back(std::sqrt(ratio));
        std::copy(row, row + cell_moments, before);
        std::copy(next, next + cell_moments, row);
    }
    out.append(gauss_rule(jacobi, n));
}

}  // namespace specsched::compression
