// What the dense kernels offer, whatever the instruction set. Plain data only: the kernel files are compiled once per
// instruction set with the namespace renamed, and meet the rest of the library in this table.
#pragma once

#include <cstddef>

#include "core/problem.hpp"

namespace specsched {

// Eigenvalues below this count as zero (their square root is below 1e-100).
constexpr double smallest_eigenvalue = 1e-200;

// Constants of each step, prepared once per call (steps.hpp). r_k = sigmas[k], k = 0 (noise) ... steps (clean);
// below r = r_k, s = r_{k+1}, x = r^2, y = s^2. A kernel's own constants are null for the other kernels.
struct StepTable {
    std::ptrdiff_t steps;
    const double* sigma;   // r      [steps + 1]
    const double* square;  // r^2    [steps + 1]
    // DDIM [steps]
    const double* product;  // r s
    const double* gap;      // r - s
    // DDPM [steps]
    const double* lack;      // (x - y)^2 / x
    const double* injected;  // y (x - y) / x
    const double* rise;      // (x - y) (x + y) / (2 x^2)
    const double* fall;      // (x - y) / x
};

// The ends of the schedule, as numbers (see ends.hpp).
struct EndTable {
    double scale, missing, lost, start_variance, surplus;
    double surplus_slope;  // half of d surplus / d r_0
    double scale_slope;    // d log scale / d r_S
    int process;           // as in enum Process
    double own, carried;   // shares of the eigenvalue in Var y_S and of the mean that the start lacks (limits only)
    double start_slope;    // d start_variance / d r_0
};

// A run of eigenvalues and where its sums go.
struct KernelChunk {
    const double* eigenvalues;
    const double* weights;
    const double* mean_power;
    std::ptrdiff_t count;
    double* scratch;   // scratch_size(steps) doubles
    double* gradient;  // steps + 1 doubles: d sum / d sigma_k, set by the kernel; may be null
    double* gain;      // per eigenvalue P, or null together with variance
    double* variance;  // per eigenvalue output variance
    double* excess;    // per eigenvalue output variance less the eigenvalue, to full relative accuracy; or null
    TermProbe probe;   // its terms, set by the kernel unless they are null
    double sum;        // set by the kernel
};

// loss: as in enum Loss.
using Kernel = void (*)(const StepTable&, const EndTable&, int loss, KernelChunk&);

// A panel is [c / 2, 2 c) in the eigenvalue; on it moments are polynomials in t = panel_stretch (l - c) / (l + c).
constexpr int panel_nodes = 20;
constexpr double panel_stretch = 3.0;

// From values at the nodes to Chebyshev coefficients to powers of t, and the transposes of both (docs/panels.md says why
// not in one step). Column by column, rows padded to panel_rows.
constexpr int panel_rows = 24;
struct PanelBasis {
    double chebyshev[panel_nodes * panel_rows], powers[panel_nodes * panel_rows];
    double from_powers[panel_nodes * panel_rows], from_chebyshev[panel_nodes * panel_rows];
};

// Some eigenvalues of one panel, the output moments at its nodes, and where sums go.
struct PanelChunk {
    const double* eigenvalues;
    const double* weights;
    const double* mean_power;
    std::ptrdiff_t count;
    double center;
    const PanelBasis* basis;
    const double* spread;  // [panel_nodes]: the variance, or its excess over the eigenvalue
    double from_variance;  // 1: the variance, 0: the excess
    const double* mean_error;  // [panel_nodes], or null where no eigenvalue has a mean
    double* slopes;  // [2 panel_rows]: d sum by the excess and by the mean error at the nodes; or null
    double sum;  // set by the kernel
    bool resolved;  // set by the kernel: the series have converged
};
using PanelKernel = void (*)(int loss, PanelChunk&);

// The eigenvalues of one panel as weights at its nodes: sums of weight and mean power times the Lagrange polynomials.
struct PanelWeights {
    const double* eigenvalues;
    const double* weights;
    const double* mean_power;
    std::ptrdiff_t count;
    double center;
    const PanelBasis* basis;
    double* out;  // [2 panel_rows]: of the weights, then of the mean power
};
using WeightKernel = void (*)(const PanelWeights&);

// C += sum over k < count of a_k b_k^T, the lower triangle (and parts of the upper one); C is size x size by columns,
// a_k and b_k lie one after the other. size must be a multiple of product_padding.
using OuterProducts = void (*)(const double* a, const double* b, std::ptrdiff_t size, std::ptrdiff_t count, double* c);
constexpr std::ptrdiff_t product_padding = 8;

// C += A^T B, the lower triangle; A and B have `count` columns of `rows` entries (a multiple of product_padding), C is
// count x count, all by columns.
using Gram = void (*)(const double* a, const double* b, std::ptrdiff_t rows, std::ptrdiff_t count, double* c);

// C = A B of small matrices. A [rows x inner] and C [rows x columns] lie by columns, so many numbers apart; entry (k, j)
// of B is b[k * b_row + j * b_column].
struct MatrixProduct {
    const double* a;
    std::ptrdiff_t a_column;
    const double* b;
    std::ptrdiff_t b_row, b_column;
    double* c;
    std::ptrdiff_t c_column;
    std::ptrdiff_t rows, inner, columns;
};
using ProductKernel = void (*)(const MatrixProduct&);

// DDIM's output depends on the levels through theta = log P, a sum of one term for each pair of neighbours. All
// eigenvalues at once: derivatives of theta by the interior log-levels, and sums over eigenvalues of those of the loss.
struct PairDerivatives {
    const double* eigenvalues;  // [rows], a multiple of product_padding
    const double* slope;  // [rows] of the loss by theta
    const double* root;  // [rows] of the absolute second derivative of the loss by theta: scales the jacobian
    std::ptrdiff_t rows;
    const double* sigma;  // [levels + 2]
    std::ptrdiff_t levels;  // interior ones
    double* scratch;  // [lane_count * pair_rows(levels)]
    double* jacobian;  // [rows x levels] by columns
    double* diagonal;  // [levels]
    double* off_diagonal;  // [levels - 1]
    double* stiffness;  // [levels + 1] of each pair, whatever the signs cancel; or null
};
using PairKernel = void (*)(const PairDerivatives&);
constexpr std::ptrdiff_t pair_rows(std::ptrdiff_t levels) { return 3 * (levels + 1); }

struct KernelTable {
    const char* name;
    std::ptrdiff_t (*scratch_size)(std::ptrdiff_t steps);
    Kernel ddim, ddpm;
    Kernel ddim_limit, ddpm_limit;  // against the many-step limit, w2
    OuterProducts outer_products;
    Gram gram;
    ProductKernel product;
    PairKernel ddim_pairs;
    PanelKernel panel_terms;
    WeightKernel panel_weights;
};

}  // namespace specsched
