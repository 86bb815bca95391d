// The language in which solvers state their steps: linear operations on registers, recorded once per schedule.
// Every register holds a deviation from the data mean in y = x / alpha; an operation makes a new register, so that
// keeping an earlier prediction means keeping its name. T is double, or a dual number over the levels around the step.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "core/dual.hpp"
#include "core/engine/solver_spec.hpp"

namespace specsched {

using Register = int;

inline double value_of(double x) { return x; }
template <class B, int N>
double value_of(const Dual<B, N>& x) {
    return value_of(x.value);
}

inline bool is_zero(double x) { return x == 0.0; }
template <class B, int N>
bool is_zero(const Dual<B, N>& x) {
    bool zero = is_zero(x.value);
    for (int n = 0; n < N; ++n) zero = zero && is_zero(x.d[n]);
    return zero;
}

enum class Operation { combine, predict, predict_noise };

template <class T>
struct Term {
    Register from;
    T factor;
};

template <class T>
class Tape {
    using One = std::array<Term<T>, 1>;

  public:
    struct Record {
        Operation operation;
        int first, count;  // terms
        T level;           // of a prediction
        T noise;           // variance of independent noise added to the new register
    };

    // xhat0 = lambda / (lambda + level^2) * y.
    Register predict(Register y, const T& level) { return add(Operation::predict, One{{{y, T(1.0)}}}, level, T(0.0)); }
    // eps = (y - xhat0) / level = level / (lambda + level^2) * y.
    Register predict_noise(Register y, const T& level) {
        return add(Operation::predict_noise, One{{{y, T(1.0)}}}, level, T(0.0));
    }
    Register combine(std::initializer_list<Term<T>> terms, const T& noise_variance = T(0.0)) {
        return add(Operation::combine, terms, T(0.0), noise_variance);
    }
    Register combine(const std::vector<Term<T>>& terms) { return add(Operation::combine, terms, T(0.0), T(0.0)); }
    // A standard normal of its own, for noise that enters twice.
    Register normal() { return combine({}, T(1.0)); }

    const std::vector<Record>& records() const { return records_; }
    const std::vector<Term<T>>& terms() const { return terms_; }
    // Register made by record i is i + 1; register 0 is the start. Clearing keeps the numbering.
    int made() const { return made_; }
    void clear() {
        records_.clear();
        terms_.clear();
    }

  private:
    template <class Terms>
    Register add(Operation operation, const Terms& terms, const T& level, const T& noise) {
        const int first = static_cast<int>(terms_.size());
        for (const Term<T>& term : terms)
            if (!is_zero(term.factor)) terms_.push_back(term);
        records_.push_back({operation, first, static_cast<int>(terms_.size()) - first, level, noise});
        return ++made_;
    }

    int made_ = 0;
    std::vector<Record> records_;
    std::vector<Term<T>> terms_;
};

// What a solver carries from step to step: names of registers.
struct Carry {
    Register y = 0;
    Register kept = 0;             // a sample to which a later step returns
    Register partial = 0;          // a sum of predictions that a later step completes
    std::array<Register, 4> past{};  // predictions, newest first
    int seen = 0;
    std::vector<Register> history;  // all predictions, oldest first, where a solver keeps them

    void remember(Register prediction) {
        for (int i = 3; i > 0; --i) past[i] = past[i - 1];
        past[0] = prediction;
        ++seen;
    }
};

constexpr int window = 5;  // levels a step may depend on: r_{k+1}, r_k, ..., r_{k-3}

// What a table of coefficients says of one step.
template <class T>
struct StepTable {
    std::vector<T> coefficient;
    T model_time;
};

// Step k = `index`, from level `now` to level `next`.
template <class T>
struct Step {
    const SolverSpec& spec;
    int index, steps;
    bool ends_at_zero;  // whether the schedule does
    std::array<T, window> levels;
    T eta;
    const StepTable<T>* table;  // null where the solver has none

    const T& next() const { return levels[0]; }
    const T& now() const { return levels[1]; }
    const T& back(int j) const { return levels[j + 1]; }  // r_{k-j}
    bool last() const { return index + 1 == steps; }
    bool to_zero() const { return value_of(levels[0]) == 0.0; }
};

}  // namespace specsched
