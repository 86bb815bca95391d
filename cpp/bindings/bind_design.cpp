#include <pybind11/stl.h>

#include <chrono>
#include <optional>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/settings.hpp"
#include "core/design/design.hpp"
#include "core/design/order.hpp"
#include "core/parallel.hpp"

namespace specsched::bindings {
namespace {

using Eigen::Index;
using Eigen::VectorXd;
using Rows = std::pair<const double*, std::ptrdiff_t>;  // rows of steps + 1 levels, and how many

constexpr std::ptrdiff_t worth_threads = std::ptrdiff_t{1} << 20;  // eigenvalue steps; about 3 ms

Array array_of(const std::vector<double>& values) {
    return Array(static_cast<py::ssize_t>(values.size()), values.data());
}
Array array_of(const VectorXd& values) { return Array(values.size(), values.data()); }

// Whether Ctrl-C was pressed; asks Python a few times a second, because taking the GIL is not free.
class SignalWatch {
  public:
    bool raised() {
        const auto now = std::chrono::steady_clock::now();
        if (raised_ || now < next_) return raised_;
        next_ = now + std::chrono::milliseconds(50);
        const py::gil_scoped_acquire lock;
        raised_ = PyErr_CheckSignals() != 0;
        return raised_;
    }

  private:
    bool raised_ = false;
    std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
};

// The core's problem with the arrays that it looks at.
class BoundProblem {
  public:
    BoundProblem(Array eigenvalues, Array weights, Array mean_power, DesignProblem problem)
        : spectrum_(std::move(eigenvalues), std::move(weights), std::move(mean_power), problem.settings.threads),
          problem_(std::move(problem)) {
        problem_.nodes = spectrum_.view();
        const std::string text = problem_.wrong();
        if (!text.empty()) throw std::invalid_argument(text);
    }

    const DesignProblem& problem() const { return problem_; }
    DesignProblem& problem() { return problem_; }

    const double* levels(const Array& sigmas) const {
        const LevelsView view = levels_view(sigmas);
        if (view.steps() != problem_.steps) throw std::invalid_argument("sigmas must hold steps + 1 levels");
        return view.sigmas;
    }
    Rows rows(const Array& sigmas) const {
        if (sigmas.ndim() != 2 || sigmas.shape(1) != problem_.steps + 1)
            throw std::invalid_argument("schedules must be rows of steps + 1 levels");
        for (py::ssize_t s = 0; s < sigmas.shape(0); ++s)
            check_levels({sigmas.data() + s * sigmas.shape(1), sigmas.shape(1)});
        return {sigmas.data(), sigmas.shape(0)};
    }

  private:
    BoundSpectrum spectrum_;
    DesignProblem problem_;
};

BoundProblem make_problem(const Array& eigenvalues, const Array& weights, const Array& mean_power,
                          const Sampler& sampler, const Criterion& criterion, std::ptrdiff_t steps, double sigma_max,
                          double sigma_min, double sigma_floor, double min_ratio, double required_ratio, double tol,
                          int max_iter, int threads) {
    DesignSettings settings;
    settings.sigma_floor = sigma_floor;
    settings.min_ratio = min_ratio;
    settings.required_ratio = required_ratio;
    settings.newton.tolerance = tol;
    settings.newton.max_iterations = max_iter;
    settings.threads = threads;
    return {eigenvalues, weights, mean_power, {{}, sampler, criterion, sigma_max, sigma_min, steps, settings}};
}

double loss(const BoundProblem& self, const Array& sigmas) {
    const double* const levels = self.levels(sigmas);
    const py::gil_scoped_release unlock;
    return self.problem().loss_of(levels);
}

// Losses of many schedules: threads share the schedules, so that each loss has the bits of a serial one.
template <class LossOf>
Array losses_of_rows(const BoundProblem& self, const Array& schedules, const LossOf& loss_of) {
    const auto [rows, count] = self.rows(schedules);
    Array losses = new_array(count);
    double* const slots = losses.mutable_data();
    DesignProblem serial = self.problem();
    const std::ptrdiff_t levels = serial.steps + 1;
    const bool few = count * levels * serial.nodes.size < worth_threads;
    const py::gil_scoped_release unlock;
    const int threads = few ? 1 : resolve_threads(serial.settings.threads);
    serial.settings.threads = 1;
    const double* const first = rows;
    parallel_for(count, threads, [&](std::ptrdiff_t i) { slots[i] = loss_of(serial, first + i * levels); });
    return losses;
}

Array losses(const BoundProblem& self, const Array& schedules) {
    return losses_of_rows(self, schedules, [](const DesignProblem& p, const double* row) { return p.loss_of(row); });
}

Array reported_losses(const BoundProblem& self, const Array& schedules) {
    return losses_of_rows(self, schedules,
                          [](const DesignProblem& p, const double* row) { return p.reported_loss_of(row); });
}

py::tuple value_and_grad(const BoundProblem& self, const Array& sigmas) {
    const double* const levels = self.levels(sigmas);
    Array gradient = new_array(self.problem().steps + 1);
    double* const slots = gradient.mutable_data();
    double value = 0.0;
    {
        const py::gil_scoped_release unlock;
        value = self.problem().loss_of(levels, slots);
    }
    return py::make_tuple(value, gradient);
}

// Loss and its gradient by the levels and by the eta of each step, for a sampler that has one.
py::tuple value_and_grad_eta(const BoundProblem& self, const Array& sigmas, const Array& eta) {
    const DesignProblem& p = self.problem();
    const double* const levels = self.levels(sigmas);
    SolverSpec spec = p.sampler.spec;
    const double* const values = data_of(eta, "eta", p.steps);
    spec.eta_steps.assign(values, values + p.steps);
    Array gradient = new_array(p.steps + 1), by_eta = new_array(p.steps);
    double *const slots = gradient.mutable_data(), *const eta_slots = by_eta.mutable_data();
    double sum = 0.0;
    {
        const py::gil_scoped_release unlock;
        sum = engine_loss_gradient(p.nodes, {levels, p.steps + 1}, spec, p.criterion, p.sampler.error,
                                   p.settings.threads, slots, eta_slots);
        const double slope = reported_slope(p.criterion.loss, sum);
        for (std::ptrdiff_t k = 0; k <= p.steps; ++k) slots[k] *= slope;
        for (std::ptrdiff_t k = 0; k < p.steps; ++k) eta_slots[k] *= slope;
    }
    return py::make_tuple(reported_loss(p.criterion.loss, sum), gradient, by_eta);
}

// A and b with A u >= b for u = log sigma of the interior levels.
py::tuple constraints(const BoundProblem& self) {
    const OrderConstraints order = bounded_order_of(self.problem());
    const Index n = self.problem().interior();
    Array matrix({n + 1, n}), bound = new_array(n + 1);
    auto entry = matrix.mutable_unchecked<2>();
    auto least = bound.mutable_unchecked<1>();
    for (Index j = 0; j <= n; ++j) {
        for (Index k = 0; k < n; ++k) entry(j, k) = k == j - 1 ? 1.0 : k == j ? -1.0 : 0.0;
        least(j) = order.gap;
    }
    least(0) -= order.top;
    least(n) = order.bottom + order.bottom_gap;
    return py::make_tuple(matrix, bound);
}

// Log of the lowest interior level that is admitted.
double lowest(const BoundProblem& self) {
    const OrderConstraints order = bounded_order_of(self.problem());
    return order.bottom + order.bottom_gap;
}

Array repair(const BoundProblem& self, const Array& u) {
    const double* const values = data_of(u, "u", self.problem().interior());
    return array_of(repaired(Eigen::Map<const VectorXd>(values, u.shape(0)), bounded_order_of(self.problem()), 0.0));
}

double kkt(const BoundProblem& self, const Array& sigmas, const std::optional<Array>& gradient) {
    const double* const levels = self.levels(sigmas);
    const double* const slope = gradient ? data_of(*gradient, "gradient", self.problem().steps + 1) : nullptr;
    return kkt_error(self.problem(), levels, slope);
}

std::ptrdiff_t better(const BoundProblem& self, double value, const Array& losses, const Array& schedules) {
    const auto [rows, count] = self.rows(schedules);
    return better_start(self.problem(), value, data_of(losses, "losses", count), rows, count);
}

DesignResult run(const BoundProblem& self, const Array& starts) {
    const auto [rows, count] = self.rows(starts);
    SignalWatch watch;
    DesignProblem problem = self.problem();
    problem.settings.interrupted = [&watch] { return watch.raised(); };
    DesignResult result;
    {
        const py::gil_scoped_release unlock;
        result = design(problem, rows, count);
    }
    if (watch.raised()) throw py::error_already_set();
    return result;
}

// Pairs of a result and what went wrong with it (nothing: an empty string).
std::vector<std::pair<DesignResult, std::string>> design_many(const std::vector<const BoundProblem*>& problems,
                                                              const Array& starts, const Array& own_starts,
                                                              int threads) {
    std::vector<const DesignProblem*> views;
    for (const BoundProblem* problem : problems) views.push_back(&problem->problem());
    if (problems.empty()) return {};
    const auto [rows, count] = problems.front()->rows(starts);
    if (own_starts.ndim() != 3 || own_starts.shape(0) != static_cast<py::ssize_t>(problems.size()) ||
        own_starts.shape(2) != starts.shape(1))
        throw std::invalid_argument("own_starts must hold rows of steps + 1 levels for each problem");
    for (const DesignProblem* view : views)
        if (view->steps + 1 != starts.shape(1)) throw std::invalid_argument("problems must have the same steps");
    std::vector<BatchDesign> designs;
    {
        const py::gil_scoped_release unlock;
        designs = design_batch(views, rows, count, own_starts.data(), own_starts.shape(1), threads);
    }
    std::vector<std::pair<DesignResult, std::string>> pairs;
    for (BatchDesign& each : designs) pairs.emplace_back(std::move(each.found), std::move(each.error));
    return pairs;
}

void bind_result(py::module_& m) {
    py::enum_<MinimizeStatus>(m, "DesignStatus")
        .value("converged", MinimizeStatus::converged)
        .value("rounding_limit", MinimizeStatus::rounding_limit)
        .value("iteration_limit", MinimizeStatus::iteration_limit)
        .value("stalled", MinimizeStatus::stalled)
        .value("not_finite", MinimizeStatus::not_finite);
    py::class_<DesignResult>(m, "DesignResult")
        .def_property_readonly("sigmas", [](const DesignResult& r) { return array_of(r.sigmas); })
        .def_property_readonly("start_losses", [](const DesignResult& r) { return array_of(r.start_losses); })
        .def_property_readonly("message", [](const DesignResult& r) { return std::string(describe(r.status)); })
        .def_readonly("status", &DesignResult::status)
        .def_readonly("loss", &DesignResult::loss)
        .def_readonly("searched_loss", &DesignResult::searched_loss)
        .def_readonly("kkt_error", &DesignResult::kkt_error)
        .def_readonly("iterations", &DesignResult::iterations)
        .def_readonly("evaluations", &DesignResult::evaluations)
        .def_readonly("start", &DesignResult::start)
        .def_readonly("returned_start", &DesignResult::returned_start);
}

}  // namespace

void bind_design(py::module_& m) {
    bind_result(m);
    const DesignSettings settings;
    py::class_<BoundProblem>(m, "DesignProblem")
        .def(py::init(&make_problem), py::kw_only(), py::arg("eigenvalues").noconvert(), py::arg("weights").noconvert(),
             py::arg("mean_power").noconvert(), py::arg("sampler"), py::arg("criterion"), py::arg("steps"),
             py::arg("sigma_max"), py::arg("sigma_min") = 0.0, py::arg("sigma_floor") = settings.sigma_floor,
             py::arg("min_ratio") = settings.min_ratio, py::arg("required_ratio") = settings.required_ratio,
             py::arg("tol") = settings.newton.tolerance, py::arg("max_iter") = settings.newton.max_iterations,
             py::arg("threads") = settings.threads)
        .def("loss", &loss, py::arg("sigmas").noconvert())
        .def("losses", &losses, py::arg("schedules").noconvert())
        .def("reported_losses", &reported_losses, py::arg("schedules").noconvert())
        .def("value_and_grad", &value_and_grad, py::arg("sigmas").noconvert())
        .def("value_and_grad_eta", &value_and_grad_eta, py::arg("sigmas").noconvert(), py::arg("eta").noconvert())
        .def(
            "admits", [](const BoundProblem& p, const Array& s) { return p.problem().admits(p.levels(s)); },
            py::arg("sigmas").noconvert())
        .def("constraints", &constraints)
        .def_property_readonly("lowest", &lowest)
        .def(
            "relative_gradient",
            [](const BoundProblem& p, const Array& s) { return array_of(relative_gradient(p.problem(), p.levels(s))); },
            py::arg("sigmas").noconvert())
        .def("repair", &repair, py::arg("u").noconvert())
        .def("kkt_error", &kkt, py::arg("sigmas").noconvert(), py::arg("gradient").noconvert() = py::none())
        .def("better_start", &better, py::arg("value"), py::arg("losses").noconvert(), py::arg("schedules").noconvert())
        .def("design", &run, py::arg("starts").noconvert())
        .def("settings", [](BoundProblem& p) { return settings_of(p.problem().settings); })
        .def(
            "set",
            [](BoundProblem& p, const std::string& name, double value) {
                set_setting(p.problem().settings, name, value);
            },
            py::arg("name"), py::arg("value"));
    m.def(
        "check_ends",
        [](double high, double low, double floor, double ratio, std::ptrdiff_t steps) {
            const std::string text = wrong_ends(high, low, floor, ratio, steps);
            if (!text.empty()) throw std::invalid_argument(text);
        },
        py::arg("sigma_max"), py::arg("sigma_min"), py::arg("sigma_floor"), py::arg("min_ratio"), py::arg("steps"));
    m.def("design_many", &design_many, py::arg("problems"), py::arg("starts").noconvert(),
          py::arg("own_starts").noconvert(), py::arg("threads"));
}

}  // namespace specsched::bindings
