#include "core/engine/engine.hpp"

#include <cmath>
#include <sstream>

#include "core/engine/adjoints.hpp"
#include "core/engine/solver_table.hpp"

namespace specsched {

namespace {

// Levels that stand for any schedule where only the count of operations matters.
std::vector<double> any_levels(std::ptrdiff_t steps, bool last_is_zero) {
    std::vector<double> sigmas(steps + 1);
    for (std::ptrdiff_t k = 0; k <= steps; ++k) sigmas[k] = static_cast<double>(steps + 1 - k);
    if (last_is_zero) sigmas[steps] = 0.0;
    return sigmas;
}

// The same for a solver that needs a table of coefficients.
std::string check_table(const SolverSpec& spec, const SolverRow& row, std::ptrdiff_t steps) {
    if (!row.needs_table) return {};
    std::ostringstream text;
    const std::size_t back = static_cast<std::size_t>(spec.order) - 1;
    if (spec.coefficients.empty() && spec.order > 1.0)
        text << "sampler '" << row.name << "' has no coefficients yet: design and refine choose them, or give them";
    else if (!spec.coefficients.empty() && spec.coefficients.size() != static_cast<std::size_t>(steps) * back)
        text << "coefficients has " << spec.coefficients.size() / back << " rows for " << steps
             << " steps: give one row per step";
    else if (!spec.model_times.empty() && spec.model_times.size() != static_cast<std::size_t>(steps))
        text << "model_times has " << spec.model_times.size() << " values for " << steps << " steps: give one per step";
    return text.str();
}

}  // namespace

// No stream before something is wrong: most of its time goes by in making one.
std::string check(const SolverSpec& spec, const LevelsView& levels) {
    const SolverRow& row = solver_table()[spec.solver];
    const auto of_sampler = [&](const char* what) { return "sampler '" + std::string(row.name) + "' " + what; };
    if (levels.steps() < 1) return "a schedule needs at least one step";
    if ((row.needs_noise_at_end || spec.predict_x0 == 0.0) && levels.last() == 0.0)
        return of_sampler("predicts the noise and cannot step to level 0: end the schedule at a positive sigma_min");
    if (!spec.eta_steps.empty() && static_cast<std::ptrdiff_t>(spec.eta_steps.size()) != levels.steps())
        return "eta has " + std::to_string(spec.eta_steps.size()) + " values for " + std::to_string(levels.steps()) +
               " steps: give one number, or one per step";
    if (!spec.eta_steps.empty() && !has_option(row, &SolverSpec::eta)) return of_sampler("has no option 'eta'");
    return check_table(spec, row, levels.steps());
}

int function_evaluations(const SolverSpec& spec, std::ptrdiff_t steps, bool last_is_zero) {
    const std::vector<double> sigmas = any_levels(steps, last_is_zero);
    SolverSpec uniform = spec;
    uniform.eta_steps.clear();
    uniform.coefficients.clear();
    uniform.model_times.clear();
    return record(uniform, {sigmas.data(), steps + 1}, 0.0, Derivatives::none).evaluations;
}

void engine_transfer(const double* eigenvalues, std::ptrdiff_t count, const LevelsView& levels, const SolverSpec& spec,
                     double error, double* gain, double* injected, int threads) {
    const Program program = record(spec, levels, error, Derivatives::none);
    const SweepProgram view = program.view();
    const SweepTable& table = sweeps();
    const std::ptrdiff_t scratch = table.scratch_size(view);
    const Chunks chunks(count, view.operations, threads);
    chunks.run([&](std::ptrdiff_t, std::ptrdiff_t begin, std::ptrdiff_t size) {
        const SweepChunk chunk{eigenvalues + begin, nullptr, nullptr, size, thread_scratch(scratch)};
        table.transfer(view, chunk, gain + begin, injected + begin);
    });
}

bool is_deterministic(const SolverSpec& spec) {
    return limit_of(spec).deterministic && spec.eta_steps.empty() && spec.s_churn == 0.0;
}

Limit limit_of(const SolverSpec& spec) {
    const SolverRow& row = solver_table()[spec.solver];
    const double eta = has_option(row, &SolverSpec::eta) ? spec.eta : 0.0;
    return {0.5 * (1.0 + std::pow(eta, row.eta_power)), spec.s_noise * spec.s_noise, eta == 0.0};
}

std::string check_limit(const SolverSpec& spec) {
    const std::string& name = solver_table()[spec.solver].name;
    if (!spec.eta_steps.empty())
        return "with one eta per step sampler '" + name +
               "' has no many-step limit to be compared with: give one eta "
               "for all steps, or target='data'";
    if (spec.s_churn > 0.0)
        return "with s_churn sampler '" + name +
               "' has no many-step limit that is the same for every schedule: "
               "set s_churn=0, or compare with the data, target='data'";
    return "";
}

SweepEnds sweep_ends(const SolverSpec& spec, const Criterion& criterion, const LevelsView& levels) {
    return {criterion, limit_of(spec), levels.first(), levels.last()};
}

double engine_loss(const SpectrumView& spectrum, const LevelsView& levels, const SolverSpec& spec,
                   const Criterion& criterion, double error, int threads, const TermProbe* probe) {
    const Program program = record(spec, levels, error, Derivatives::none);
    const SweepProgram view = program.view();
    const SweepEnds ends = sweep_ends(spec, criterion, levels);
    const SweepTable& table = sweeps();
    const std::ptrdiff_t scratch = table.scratch_size(view);
    const Chunks chunks(spectrum.size, view.operations, threads);
    std::vector<double> sums(chunks.count);
    chunks.run([&](std::ptrdiff_t c, std::ptrdiff_t begin, std::ptrdiff_t size) {
        sums[c] = table.loss(view, ends, chunk_of(spectrum, begin, size, thread_scratch(scratch), probe));
    });
    double sum = 0.0;
    for (double part : sums) sum += part;
    return sum;
}

void contract_gradient(const Program& program, const SweepSums& sums, double* gradient, double* by_eta) {
    const auto spread = [&](const std::vector<Slope>& slopes, const double* adjoint) {
        for (std::size_t i = 0; i < slopes.size(); ++i) {
            const Slope& slope = slopes[i];
            if (slope.constant) continue;
            const int newest = slope.step + 1;
            for (int j = 0; j < window && j <= newest; ++j) gradient[newest - j] += adjoint[i] * slope.first[j];
            if (by_eta) by_eta[slope.step] += adjoint[i] * slope.first[window];
        }
    };
    spread(program.factor_slope, sums.by_factor);
    spread(program.level_slope, sums.by_level);
    spread(program.noise_slope, sums.by_noise);
}

double engine_loss_gradient(const SpectrumView& spectrum, const LevelsView& levels, const SolverSpec& spec,
                            const Criterion& criterion, double error, int threads, double* gradient,
                            double* eta_gradient, const TermProbe* probe) {
    const Program program =
        record(spec, levels, error, Derivatives::first, eta_gradient ? Parameters::eta : Parameters::none);
    const SweepProgram view = program.view();
    const SweepEnds ends = sweep_ends(spec, criterion, levels);
    const SweepTable& table = sweeps();
    const std::ptrdiff_t scratch = table.scratch_size(view), steps = levels.steps();
    const Chunks chunks(spectrum.size, view.operations, threads);
    const std::ptrdiff_t width = Adjoints::size(view);
    std::vector<double> memory(chunks.count * width);
    std::vector<SweepSums> parts(chunks.count);
    chunks.run([&](std::ptrdiff_t c, std::ptrdiff_t begin, std::ptrdiff_t size) {
        parts[c] = Adjoints(view, memory.data() + c * width).sums;
        table.gradient(view, ends, chunk_of(spectrum, begin, size, thread_scratch(scratch), probe), parts[c]);
    });
    SweepSums& all = parts[0];
    for (std::ptrdiff_t c = 1; c < chunks.count; ++c) {
        all.sum += parts[c].sum;
        all.by_first += parts[c].by_first;
        all.by_last += parts[c].by_last;
        for (std::ptrdiff_t i = 0; i < width; ++i) memory[i] += memory[c * width + i];
    }
    std::fill_n(gradient, levels.count, 0.0);
    if (eta_gradient) std::fill_n(eta_gradient, steps, 0.0);
    contract_gradient(program, all, gradient, eta_gradient);
    gradient[0] += all.by_first;
    gradient[steps] += all.by_last;
    return all.sum;
}

}  // namespace specsched
