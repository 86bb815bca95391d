#include "core/kernels/steps.hpp"

#include <cmath>

namespace specsched {
namespace {

constexpr std::ptrdiff_t most_rows = 7;  // the squares and the constants of one sampler

}  // namespace

Steps::Steps(DenseSampler sampler, LevelsView levels, double eta)
    : storage_(static_cast<std::size_t>(most_rows * levels.count)), free_(storage_.data()) {
    table_.steps = levels.steps();
    table_.sigma = levels.sigmas;
    double* square = row(table_.square);
    for (std::ptrdiff_t k = 0; k < levels.count; ++k) square[k] = levels.sigmas[k] * levels.sigmas[k];
    switch (sampler) {
        case DenseSampler::ddim: set_ddim(); break;
        case DenseSampler::ddpm: set_ddpm(); break;
        case DenseSampler::ancestral: set_ancestral(eta); break;
    }
}

double* Steps::row(const double*& slot) {
    double* const row = free_;
    free_ += table_.steps + 1;
    slot = row;
    return row;
}

void Steps::set_ddim() {
    double *product = row(table_.product), *gap = row(table_.gap);
    for (std::ptrdiff_t k = 0; k < table_.steps; ++k) {
        const double r = table_.sigma[k], s = table_.sigma[k + 1];
        product[k] = r * s;
        gap[k] = r - s;
    }
}

void Steps::set_ddpm() {
    double *lack = row(table_.lack), *injected = row(table_.injected), *rise = row(table_.rise),
           *fall = row(table_.fall);
    for (std::ptrdiff_t k = 0; k < table_.steps; ++k) {
        const double r = table_.sigma[k], s = table_.sigma[k + 1], x = r * r, y = s * s;
        const double gap = (r - s) * (r + s);
        fall[k] = gap / x;
        lack[k] = gap * fall[k];
        injected[k] = y * fall[k];
        rise[k] = 0.5 * fall[k] * ((x + y) / x);
    }
}

// With rho = s / r and q = sqrt(1 - eta^2 (1 - rho^2)): A = rho q, c = eta^2 s^2 (1 - rho^2).
void Steps::set_ancestral(double eta) {
    double *shrink = row(table_.shrink), *across = row(table_.across), *gap_square = row(table_.gap_square),
           *noise = row(table_.noise), *now = row(table_.shrink_now), *then = row(table_.shrink_then);
    const double eta2 = eta * eta;
    for (std::ptrdiff_t k = 0; k < table_.steps; ++k) {
        const double r = table_.sigma[k], s = table_.sigma[k + 1], rho = s / r;
        const double apart = (r - s) / r * (1.0 + rho);  // 1 - rho^2
        const double q = std::sqrt(1.0 - eta2 * apart), slope = q + eta2 * rho * rho / q;  // dA / d rho
        shrink[k] = apart * (1.0 + eta2 * rho * rho) / (1.0 + rho * q);  // (1 - A^2) / (1 + A)
        across[k] = r * s * q;
        gap_square[k] = shrink[k] * shrink[k] * (r * r);
        noise[k] = eta2 * s * s * apart;
        now[k] = slope * rho / r;
        then[k] = -slope / r;
    }
}

}  // namespace specsched
