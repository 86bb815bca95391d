#include "core/compress/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "core/compress/binning.hpp"
#include "core/compress/gauss.hpp"

namespace specsched::compression {
namespace {

constexpr double relevant_octaves = 60.0;  // levels reach down to 1e-9 of the largest standard deviation
constexpr int tail_nodes = 12;
constexpr double nearest_poles = 1.5707963267948966;  // pi / 2, as in probes.cpp; DDIM's lie at pi
constexpr double usual_poles = 2.0;
constexpr double safety = 3.0;  // random schedules err by up to this factor more than the probes

// Losses weigh small eigenvalues by their number (KL), large ones by their size (W2) and what lies between by something
// in between: a rule for the measure times this balance keeps each of them accurate relative to its own sum.
class Balance {
  public:
    explicit Balance(const Measure& m) : top_(*std::max_element(m.x.begin(), m.x.end())) {
        double mass = 0.0, root = 0.0, linear = 0.0;
        for (std::size_t i = 0; i < m.size(); ++i) {
            mass += m.mass[i];
            root += m.mass[i] * std::exp2(0.5 * (m.x[i] - top_));
            linear += m.mass[i] * std::exp2(m.x[i] - top_);
        }
        root_ = mass / root;
        linear_ = mass / linear;
    }
    double operator()(double x) const {
        const double relative = std::exp2(0.5 * (x - top_));
        return 1.0 + (root_ + linear_ * relative) * relative;
    }

  private:
    double top_, root_, linear_;
};

// The rules of every size up to `most` for one measure.
class Ladder {
  public:
    Ladder(const Measure& measure, int most) : balance_(measure), lanczos_(balanced(measure, balance_), most) {}

    int size() const { return lanczos_.most(); }
    const Measure& rule(int nodes) {
        if (nodes == last_) return rule_;  // the one that was found good enough is asked for again
        last_ = nodes;
        rule_ = gauss_rule(lanczos_.up_to(nodes), nodes);
        for (std::size_t i = 0; i < rule_.size(); ++i) rule_.mass[i] /= balance_(rule_.x[i]);
        return rule_;
    }

  private:
    static Measure balanced(Measure measure, const Balance& balance) {
        for (std::size_t i = 0; i < measure.size(); ++i) measure.mass[i] *= balance(measure.x[i]);
        return measure;
    }

    Balance balance_;
    Lanczos lanczos_;
    Measure rule_;
    int last_ = 0;
};

// log of the factor by which one more node shrinks the error, for functions whose poles keep `distance` from the axis
// of log(eigenvalue): rho^2 of the largest ellipse around the measure's interval that is free of poles.
double decay_rate(const Measure& measure, double distance) {
    const double half_range = 0.5 * std::log(2.0) * (measure.x.back() - measure.x.front());
    return 2.0 * std::asinh(distance / std::max(half_range, 0.1));
}

// Looks for the smallest rule with error <= tol: errors fall geometrically, so every error found predicts the size.
class Search {
  public:
    Search(double rate, int most, double tol) : passed_(most), tol_(tol), rate_(rate) {}

    template <class Error>
    std::pair<int, double> run(const Error& error_of) {
        double error = -1.0;
        for (int n = within(-std::log(tol_) / rate_); passed_ - failed_ > 1; n = next(n, error)) {
            error = error_of(n);
            if (error > tol_) {
                failed_ = n;
                continue;
            }
            passed_ = n;
            at_passed_ = error;
            if (error > close_enough * tol_) break;
        }
        if (at_passed_ < 0.0) at_passed_ = error_of(passed_);
        return {passed_, at_passed_};
    }

  private:
    static constexpr double close_enough = 0.05;

    int within(double n) const {
        const int most = std::max(passed_ - 1, failed_ + 1);
        return static_cast<int>(std::clamp(n, failed_ + 1.0, static_cast<double>(most)));
    }

    int next(int n, double error) {
        error = std::max(error, 1e-17);
        if (last_error_ > 0.0 && n != last_) {
            const double found = std::log(last_error_ / error) / (n - last_);
            if (found > 0.2 * rate_ && found < 5.0 * rate_) rate_ = found;
        }
        last_ = n;
        last_error_ = error;
        return within(n + std::ceil(std::log(error / (0.5 * tol_)) / rate_));
    }

    int passed_, failed_ = 0, last_ = 0;
    double tol_, rate_, at_passed_ = -1.0, last_error_ = 0.0;
};

// Eigenvalues far below any level act through the linear term of log(lambda) and a trace of sqrt(lambda): they get a
// short rule of their own, which keeps the long range of rounding noise out of the main one.
struct Parts {
    Measure tail, main;

    explicit Parts(const Measure& all) {
        const double floor = all.x.back() - relevant_octaves;
        for (std::size_t i = 0; i < all.size(); ++i) (all.x[i] < floor ? tail : main).add(all.x[i], all.mass[i]);
        if (tail.size() > tail_nodes) tail = gauss_rule(lanczos(tail, tail_nodes), tail_nodes);
    }
    Measure with(const Measure& rule) const {
        Measure out = tail;
        out.append(rule);
        return out;
    }
};

}  // namespace

Reduced reduce(const Measure& sorted, Carried carried, double tol, int max_nodes) {
    if (sorted.size() == 0) return {};
    const Measure panels = merge_octaves(sorted);
    const bool forced = tol <= 0.0;
    const Measure& fine = forced && panels.size() < static_cast<std::size_t>(max_nodes) ? sorted : panels;
    const Parts parts(fine);
    const Probes probes(parts.main.x.front(), parts.main.x.back());
    const ProbeSums exact = probes.sums(fine, carried);
    const auto error_with = [&](Ladder& ladder, int n) {
        return safety * largest_error(exact, probes.sums(parts.with(ladder.rule(n)), carried));
    };
    int most = max_nodes;
    // Long ladders are dear: climb as far as the nearest poles demand, and to the end only if that was not enough.
    if (!forced) most = std::min<double>(most, 12.0 - std::log(1e-2 * tol) / decay_rate(parts.main, nearest_poles));
    for (;; most = max_nodes) {
        Ladder ladder(parts.main, most);
        const auto error_of = [&](int n) { return error_with(ladder, n); };
        if (forced) return {parts.with(ladder.rule(most)), error_of(most)};
        const double rate = decay_rate(parts.main, usual_poles);
        auto [size, error] = Search(rate, ladder.size(), tol).run(error_of);
        if (error > tol && ladder.size() == most && most < max_nodes) continue;
        // Rounding may keep the probes above tol: take the smallest rule that does as well as the largest.
        if (error > tol) std::tie(size, error) = Search(rate, ladder.size(), 1.5 * error).run(error_of);
        return {parts.with(ladder.rule(size)), error};
    }
}

}  // namespace specsched::compression
