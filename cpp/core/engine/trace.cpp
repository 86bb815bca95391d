// Gain and injected variance after every step, in one pass over the run: registers are carried forwards with the
// covariances between those that are still read.

#include <algorithm>
#include <vector>

#include "core/chunks.hpp"
#include "core/engine/engine.hpp"
#include "core/engine/program.hpp"
#include "core/scratch.hpp"

namespace specsched {

namespace {

// Registers that must be kept: the newest one, and as far back as an operation or the output of a step reads.
int registers_alive(const Program& program) {
    int back = 1;
    for (std::size_t o = 0; o < program.operations.size(); ++o) {
        const SweepOperation& op = program.operations[o];
        for (int t = op.first; t < op.first + op.count; ++t)
            back = std::max(back, static_cast<int>(o) + 1 - program.source[t]);
    }
    for (std::size_t k = 0; k < program.step_end.size(); ++k)
        back = std::max(back, program.step_end[k] - program.step_output[k]);
    return back + 1;
}

// The registers of one eigenvalue: register r stands in slot r % alive.
class Forward {
  public:
    Forward(const Program& program, int alive, double* memory)
        : program_(program), alive_(alive), gain_(memory), covariance_(memory + alive) {}

    static std::ptrdiff_t scratch_size(int alive) { return alive + static_cast<std::ptrdiff_t>(alive) * alive; }

    void start() {
        std::fill(gain_, gain_ + scratch_size(alive_), 0.0);
        gain_[0] = 1.0;
    }

    void run(int o, double lambda) {
        const SweepOperation& op = program_.operations[o];
        const int made = (o + 1) % alive_, oldest = std::max(0, o + 2 - alive_);
        const double level = op.kind == 0 ? 0.0 : program_.level[op.level];
        const double inverse = 1.0 / (lambda + level * level);
        const bool of_data = op.kind == 1;
        const auto factor = [&](int t) {
            return op.kind == 0 ? program_.factor[t] : (of_data ? lambda : level) * inverse;
        };
        const auto slot = [&](int t) { return program_.source[t] % alive_; };

        double gain = 0.0;
        for (int t = op.first; t < op.first + op.count; ++t) gain += factor(t) * gain_[slot(t)];
        gain_[made] = gain;
        for (int r = oldest; r <= o; ++r) {
            double sum = 0.0;
            for (int t = op.first; t < op.first + op.count; ++t) sum += factor(t) * between(slot(t), r % alive_);
            between(made, r % alive_) = between(r % alive_, made) = sum;
        }
        double own = op.kind == 0 ? (op.noise >= 0 ? program_.noise[op.noise] : 0.0)
                                  : program_.error * program_.factor[op.first] * lambda * inverse *
                                        (of_data ? level * level : 1.0);
        for (int t = op.first; t < op.first + op.count; ++t) own += factor(t) * between(made, slot(t));
        between(made, made) = std::max(own, 0.0);  // below 0 by rounding only
    }

    double gain(int r) const { return gain_[r % alive_]; }
    double variance(int r) const { return covariance_[(r % alive_) * (alive_ + 1)]; }

  private:
    double& between(int slot, int other) { return covariance_[slot * alive_ + other]; }

    const Program& program_;
    int alive_;
    double *gain_, *covariance_;
};

}  // namespace

void engine_trace(const double* eigenvalues, std::ptrdiff_t count, const LevelsView& levels, const SolverSpec& spec,
                  double error, double* gain, double* injected, int threads) {
    const Program program = record(spec, levels, error, Derivatives::none);
    const std::ptrdiff_t columns = levels.count;
    const int alive = registers_alive(program);
    const Chunks chunks(count, static_cast<std::ptrdiff_t>(program.operations.size()) * alive, threads);
    chunks.run([&](std::ptrdiff_t, std::ptrdiff_t begin, std::ptrdiff_t size) {
        Forward forward(program, alive, thread_scratch(Forward::scratch_size(alive)));
        for (std::ptrdiff_t i = begin; i < begin + size; ++i) {
            forward.start();
            gain[i * columns] = 1.0;
            injected[i * columns] = 0.0;
            for (std::ptrdiff_t k = 1, o = 0; k < columns; ++k) {
                for (; o < program.step_end[k - 1]; ++o) forward.run(static_cast<int>(o), eigenvalues[i]);
                gain[i * columns + k] = forward.gain(program.step_output[k - 1]);
                injected[i * columns + k] = forward.variance(program.step_output[k - 1]);
            }
        }
    });
}

}  // namespace specsched
