#include "core/sampler.hpp"

#include "core/ends.hpp"
#include "core/engine/solver_table.hpp"
#include "core/panels/panel_loss.hpp"

namespace specsched {
namespace {

// Whether the options leave a solver at what a kernel computes.
bool is_plain(const SolverSpec& spec) { return spec.s_churn == 0.0 && spec.s_noise == 1.0 && spec.eta_steps.empty(); }

void choose_kernel(Sampler& sampler) {
    const std::string& solver = solver_table()[static_cast<std::size_t>(sampler.spec.solver)].name;
    const double eta = sampler.spec.eta;
    sampler.dense = (solver == "ddim" || solver == "ddpm") && (eta == 0.0 || eta == 1.0) && is_plain(sampler.spec) &&
                    sampler.error == 0.0;
    sampler.kernel = eta == 1.0 ? DenseSampler::ddpm : DenseSampler::ddim;
}

}  // namespace

Sampler make_sampler(const std::string& name, const std::map<std::string, double>& options, double error) {
    Sampler sampler;
    sampler.spec = parse_solver(name, options);
    sampler.error = error;
    choose_kernel(sampler);
    return sampler;
}

Sampler without_error(Sampler sampler) {
    if (sampler.error == 0.0) return sampler;
    sampler.error = 0.0;
    choose_kernel(sampler);
    return sampler;
}

Sampler on_engine(Sampler sampler) {
    sampler.dense = false;
    return sampler;
}

Sampler one_by_one(Sampler sampler) {
    sampler.panels = false;
    return sampler;
}

double plain_loss_sum(const Sampler& sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion,
                      double* gradient, int threads, const TermProbe* probe) {
    if (sampler.dense && dense_serves(criterion))
        return dense_loss(sampler.kernel, spectrum, levels, criterion, gradient, threads, probe);
    if (!gradient) return engine_loss(spectrum, levels, sampler.spec, criterion, sampler.error, threads, probe);
    return engine_loss_gradient(spectrum, levels, sampler.spec, criterion, sampler.error, threads, gradient, nullptr,
                                probe);
}

double loss_sum(const Sampler& sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion,
                double* gradient, int threads) {
    double sum;
    if (spectrum.panels && panel_loss(sampler, *spectrum.panels, levels, criterion, gradient, threads, sum)) return sum;
    return plain_loss_sum(sampler, spectrum, levels, criterion, gradient, threads);
}

double limit_loss_sum(const Sampler& sampler, SpectrumView spectrum, double first, double last,
                      const Criterion& criterion) {
    const Ends<double> ends(criterion, first, last);
    const Limit limit = limit_of(sampler.spec);
    double sum = 0.0;
    with_loss(criterion.loss, [&](auto loss) {
        for (std::ptrdiff_t i = 0; i < spectrum.size; ++i) {
            const double lambda = spectrum.eigenvalues[i], scale = ends.scale;
            const LimitMoments m = limit_moments(limit, ends, lambda, first, last);
            const double variance = m.variance * scale * scale;
            if (variance == 0.0 && lambda == 0.0) continue;
            sum += decltype(loss)::template term<double, double>(
                lambda, std::sqrt(lambda), spectrum.weights[i], spectrum.mean_power[i],
                {std::sqrt(variance), variance - lambda, m.gain * scale * ends.carried + ends.lost});
        }
    });
    return sum;
}

void transfer(const Sampler& sampler, SpectrumView spectrum, LevelsView levels, const Criterion& criterion,
              const TransferView& out, int threads) {
    if (sampler.dense && criterion.start == Start::prior) {
        dense_transfer(sampler.kernel, spectrum, levels, criterion.process, out, threads);
        return;
    }
    double* const variance = out.variance;
    engine_transfer(spectrum.eigenvalues, spectrum.size, levels, sampler.spec, sampler.error, out.gain, variance,
                    threads);
    const Ends<double> ends(criterion, levels.first(), levels.last());
    for (std::ptrdiff_t i = 0; i < spectrum.size; ++i) {
        const double start = ends.start_of(spectrum.eigenvalues[i]);
        variance[i] = (out.gain[i] * out.gain[i] * start + variance[i]) * ends.scale * ends.scale;
        if (out.excess) out.excess[i] = variance[i] - spectrum.eigenvalues[i];
    }
}

void trace(const Sampler& sampler, const double* eigenvalues, std::ptrdiff_t size, LevelsView levels,
           const Criterion& criterion, double* variance, int threads) {
    const std::ptrdiff_t count = levels.count;
    std::vector<double> gain(static_cast<std::size_t>(size * count)), injected(gain.size());
    engine_trace(eigenvalues, size, levels, sampler.spec, sampler.error, gain.data(), injected.data(), threads);
    const Ends<double> ends(criterion, levels.first(), levels.last());
    for (std::ptrdiff_t i = 0; i < size; ++i)
        for (std::ptrdiff_t k = 0; k < count; ++k) {
            const std::size_t at = static_cast<std::size_t>(i * count + k);
            variance[k * size + i] = gain[at] * gain[at] * ends.start_of(eigenvalues[i]) + injected[at];
        }
}

}  // namespace specsched
