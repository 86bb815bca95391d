#include "core/kernels/steps.hpp"

namespace specsched {
namespace {

constexpr std::ptrdiff_t most_rows = 5;  // the squares and the constants of one sampler

}  // namespace

Steps::Steps(DenseSampler sampler, LevelsView levels)
    : storage_(static_cast<std::size_t>(most_rows * levels.count)), free_(storage_.data()) {
    table_.steps = levels.steps();
    table_.sigma = levels.sigmas;
    double* square = row(table_.square);
    for (std::ptrdiff_t k = 0; k < levels.count; ++k) square[k] = levels.sigmas[k] * levels.sigmas[k];
    if (sampler == DenseSampler::ddpm)
        set_ddpm();
    else
        set_ddim();
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

}  // namespace specsched
