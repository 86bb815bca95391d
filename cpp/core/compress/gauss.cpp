#include "core/compress/gauss.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace specsched::compression {
namespace {

using Eigen::Index;
using Eigen::Map;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// One implicit QR sweep with Wilkinson's shift on rows lo..hi of a symmetric tridiagonal matrix; `first` is the first
// row of the eigenvector matrix, all of it that weights need.
void sweep(double* d, double* e, double* first, int lo, int hi) {
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

bool negligible(const double* d, const double* e, int k) {
    return std::abs(e[k]) <= 1e-16 * (std::abs(d[k]) + std::abs(d[k + 1])) || std::abs(e[k]) < 1e-300;
}

// Eigenvalues of n rows into d, first components of the eigenvectors into `first`.
void diagonalise(int n, double* d, double* e, double* first) {
    std::fill(first, first + n, 0.0);
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

// Adds nodes and weights in the order of the nodes; sorts by insertion, because they come nearly sorted.
void append_sorted(int n, double* d, double* first, double mass, double centre, double half, Measure& out) {
    for (int i = 1; i < n; ++i)
        for (int k = i; k > 0 && d[k] < d[k - 1]; --k) {
            std::swap(d[k], d[k - 1]);
            std::swap(first[k], first[k - 1]);
        }
    for (int k = 0; k < n; ++k) out.add(centre + half * d[k], mass * first[k] * first[k]);
}

// The part of the moments below which another node changes no sum by more than rounding: a rule of k nodes errs by
// (radius)^(2k) times the norm of the k-th polynomial, and a cell's radius is 0.03 of the distance to the nearest pole.
constexpr double enough_for[] = {0.0, 5e-13, 5e-10, 5e-7};

}  // namespace

Lanczos::Lanczos(const Measure& measure, int max_nodes) {
    const auto n = static_cast<Index>(measure.size());
    const auto [low, high] = std::minmax_element(measure.x.begin(), measure.x.end());
    found_.centre = 0.5 * (*low + *high);
    found_.half = *high > *low ? 0.5 * (*high - *low) : 1.0;
    found_.mass = std::accumulate(measure.mass.begin(), measure.mass.end(), 0.0);
    const Map<const VectorXd> x(measure.x.data(), n), mass(measure.mass.data(), n);
    t_ = (x.array() - found_.centre) / found_.half;
    basis_.resize(n, std::min<Index>(max_nodes, n));
    overlap_.resize(basis_.cols());
    basis_.col(0) = (mass.array() / found_.mass).sqrt();
}

const Jacobi& Lanczos::up_to(int nodes) {
    while (!exhausted_ && found_.size() < std::min(nodes, most())) advance();
    return found_;
}

void Lanczos::advance() {
    const Index k = found_.size();
    if (k > 0) {
        // The three-term recurrence takes out what is large, one pass against all earlier vectors what rounding left.
        next_ -= found_.diagonal.back() * basis_.col(k - 1);
        if (k > 1) next_ -= found_.off_diagonal.back() * basis_.col(k - 2);
        const auto done = basis_.leftCols(k);
        overlap_.head(k).noalias() = done.transpose() * next_;
        next_.noalias() -= done * overlap_.head(k);
        const double norm = next_.norm();
        exhausted_ = norm < 1e-13;
        if (exhausted_) return;
        found_.off_diagonal.push_back(norm);
        basis_.col(k) = next_ / norm;
    }
    next_ = t_.cwiseProduct(basis_.col(k));
    found_.diagonal.push_back(next_.dot(basis_.col(k)));
}

Measure gauss_rule(const Jacobi& jacobi, int nodes) {
    const int n = std::min(nodes, jacobi.size());
    std::vector<double> work(3 * static_cast<std::size_t>(n));
    double *const d = work.data(), *const e = d + n, *const first = e + n;
    std::copy_n(jacobi.diagonal.begin(), n, d);
    std::copy_n(jacobi.off_diagonal.begin(), n - 1, e);
    diagonalise(n, d, e, first);
    Measure rule;
    rule.x.reserve(n);
    rule.mass.reserve(n);
    append_sorted(n, d, first, jacobi.mass, jacobi.centre, jacobi.half, rule);
    return rule;
}

void append_cell_rule(const double* moments, double centre, double half, Measure& out) {
    if (!(moments[0] > 0.0)) return;
    constexpr int n = cell_moments / 2;
    double diagonal[n], off_diagonal[n], first[n];
    // Chebyshev's algorithm: row[l] = integral of p_k t^l for the monic orthogonal p_k.
    double row[cell_moments], before[cell_moments] = {};
    for (int l = 0; l < cell_moments; ++l) row[l] = moments[l] / moments[0];
    double shift = row[1], ratio = 0.0;
    diagonal[0] = shift;
    int size = 1;
    for (; size < n; ++size) {
        const int k = size;
        double next[cell_moments] = {};
        for (int l = k; l < cell_moments - k; ++l) next[l] = row[l + 1] - shift * row[l] - ratio * before[l];
        if (!(next[k] > enough_for[k])) break;
        shift = next[k + 1] / next[k] - row[k] / row[k - 1];
        ratio = next[k] / row[k - 1];
        diagonal[k] = shift;
        off_diagonal[k - 1] = std::sqrt(ratio);
        std::copy(row, row + cell_moments, before);
        std::copy(next, next + cell_moments, row);
    }
    diagonalise(size, diagonal, off_diagonal, first);
    append_sorted(size, diagonal, first, moments[0], centre, half, out);
}

}  // namespace specsched::compression
