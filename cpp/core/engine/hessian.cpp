#include "core/engine/adjoints.hpp"
#include "core/engine/engine.hpp"

namespace specsched {

namespace {

// Slopes of the coefficients in the plain layout of SweepTile.
struct SlopeTables {
    std::vector<int> newest;  // per operation
    std::vector<double> factor, level, noise;

    explicit SlopeTables(const Program& program)
        : factor(table(program.factor_slope)), level(table(program.level_slope)), noise(table(program.noise_slope)) {
        newest.reserve(program.operations.size());
        for (std::size_t step = 0; step < program.step_end.size(); ++step)
            newest.resize(program.step_end[step], static_cast<int>(step) + 1);
    }
    static std::vector<double> table(const std::vector<Slope>& slopes) {
        std::vector<double> flat(slopes.size() * window);
        for (std::size_t i = 0; i < slopes.size(); ++i)
            std::copy_n(slopes[i].first.data(), window, flat.data() + i * window);
        return flat;
    }
};

// What one chunk adds up, in one piece of memory.
struct Parts {
    Adjoints adjoints;
    double *level_curvature, *share_level, *hessian, *cross;

    Parts(const SweepProgram& p, std::ptrdiff_t n, double* memory) : adjoints(p, memory) {
        level_curvature = memory + Adjoints::size(p);
        share_level = level_curvature + p.levels;
        hessian = share_level + p.levels;
        cross = hessian + n * n;
        std::fill(level_curvature, cross + n * n, 0.0);
    }
    static std::ptrdiff_t size(const SweepProgram& p, std::ptrdiff_t n) {
        return Adjoints::size(p) + 2 * p.levels + 2 * n * n;
    }
};

// sum of adjoint times second derivatives of the coefficients; for levels also the curvature of the gain.
void add_curvature(const std::vector<Slope>& slopes, const std::vector<Curvature>& curvatures, const double* adjoint,
                   const double* own, std::ptrdiff_t n, double* hessian) {
    for (std::size_t c = 0; c < slopes.size(); ++c) {
        if (slopes[c].constant) continue;
        const int newest = slopes[c].step + 1;
        for (int i = 0; i < window && i <= newest; ++i)
            for (int j = 0; j < window && j <= newest; ++j) {
                double value = adjoint[c] * curvatures[c].second[i * window + j];
                if (own) value += own[c] * slopes[c].first[i] * slopes[c].first[j];
                hessian[(newest - i) * n + newest - j] += value;
            }
    }
}

// The error of a prediction is a product of its share and a function of its level: both orders of the mixed derivative.
void add_share_by_level(const Program& program, const double* mixed, std::ptrdiff_t n, double* hessian) {
    for (const SweepOperation& operation : program.operations) {
        if (operation.kind == 0) continue;
        const Slope &share = program.factor_slope[operation.first], &level = program.level_slope[operation.level];
        const int newest = share.step + 1;
        for (int i = 0; i < window && i <= newest; ++i)
            for (int j = 0; j < window && j <= newest; ++j) {
                const double value = mixed[operation.level] * share.first[i] * level.first[j];
                hessian[(newest - i) * n + newest - j] += value;
                hessian[(newest - j) * n + newest - i] += value;
            }
    }
}

}  // namespace

double engine_loss_hessian(const SpectrumView& spectrum, const LevelsView& levels, const SolverSpec& spec,
                           const Criterion& criterion, double error, int threads, double* gradient, double* hessian) {
    const Program program = record(spec, levels, error, Derivatives::second);
    const SweepProgram view = program.view();
    const SweepEnds ends = sweep_ends(spec, criterion, levels);
    const SweepTable& table = sweeps();
    const SlopeTables slopes(program);
    const std::ptrdiff_t n = levels.count;
    const std::ptrdiff_t scratch = table.tile_scratch_size(view, static_cast<int>(n));
    const std::ptrdiff_t width = n * n + n + 1;
    const Chunks chunks(spectrum.size, view.operations * n, threads, tile_size);
    std::vector<double> results(chunks.count * width);
    chunks.run([&](std::ptrdiff_t c, std::ptrdiff_t begin, std::ptrdiff_t size) {
        double* const memory = thread_scratch(scratch + Parts::size(view, n));
        Parts parts(view, n, memory + scratch);
        SweepSums& sums = parts.adjoints.sums;
        const SweepTile tile{static_cast<int>(n),   slopes.newest.data(),
                             slopes.factor.data(),  slopes.level.data(),
                             slopes.noise.data(),   &sums,
                             parts.level_curvature, parts.share_level,
                             parts.hessian,         parts.cross};
        for (std::ptrdiff_t done = 0; done < size; done += tile_size) {
            const std::ptrdiff_t count = std::min<std::ptrdiff_t>(tile_size, size - done);
            table.hessian(view, ends, chunk_of(spectrum, begin + done, count, memory), tile);
        }
        double* const result = results.data() + c * width;
        double *const g = result + 1, *const H = g + n;
        result[0] = sums.sum;
        g[0] = sums.by_first;
        g[n - 1] += sums.by_last;
        contract_gradient(program, sums, g, nullptr);
        for (std::ptrdiff_t i = 0; i < n; ++i)
            for (std::ptrdiff_t j = 0; j < n; ++j)
                H[i * n + j] = parts.hessian[std::max(i, j) * n + std::min(i, j)] + parts.cross[i * n + j] +
                               parts.cross[j * n + i];
        add_curvature(program.factor_slope, program.factor_curvature, sums.by_factor, nullptr, n, H);
        add_curvature(program.level_slope, program.level_curvature, sums.by_level, parts.level_curvature, n, H);
        add_curvature(program.noise_slope, program.noise_curvature, sums.by_noise, nullptr, n, H);
        add_share_by_level(program, parts.share_level, n, H);
    });
    for (std::ptrdiff_t c = 1; c < chunks.count; ++c)
        for (std::ptrdiff_t i = 0; i < width; ++i) results[i] += results[c * width + i];
    std::copy_n(results.data() + 1, n, gradient);
    std::copy_n(results.data() + 1 + n, n * n, hessian);
    return results[0];
}

}  // namespace specsched
