#include <pybind11/stl.h>

#include <chrono>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/design/design.hpp"

namespace specsched::bindings {
namespace {

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

py::dict as_dict(const DesignResult& result, Loss loss) {
    py::dict out;
    Array sigmas = new_array(static_cast<py::ssize_t>(result.sigmas.size()));
    std::copy(result.sigmas.begin(), result.sigmas.end(), sigmas.mutable_data());
    std::vector<double> start_losses;
    for (const double sum : result.start_sums) start_losses.push_back(reported_loss(loss, sum));
    out["sigmas"] = sigmas;
    out["loss"] = reported_loss(loss, result.sum);
    out["kkt_error"] = result.kkt_error;
    out["iterations"] = result.iterations;
    out["evaluations"] = result.evaluations;
    out["converged"] = result.status == MinimizeStatus::converged;
    out["finite"] = result.status != MinimizeStatus::not_finite;
    out["status"] = describe(result.status);
    out["start"] = result.start;
    out["start_losses"] = start_losses;
    return out;
}

py::dict design(const Array& eigenvalues, const Array& weights, const Array& mean_power, const Sampler& sampler,
                Process process, Loss loss, std::ptrdiff_t steps, double sigma_first, double sigma_last,
                double floor, double least_ratio, const Array& starts, double tolerance, int max_iterations,
                int most_starts, int threads) {
    const DesignProblem problem{spectrum_view(eigenvalues, weights, mean_power), sampler, process, loss,
                                sigma_first, sigma_last, threads};
    if (starts.ndim() != 2 || (starts.shape(0) > 0 && starts.shape(1) != steps + 1))
        throw std::invalid_argument("starts must have steps + 1 columns");
    DesignOptions options;
    options.minimize.tolerance = tolerance;
    options.minimize.max_iterations = max_iterations;
    SignalWatch watch;
    options.minimize.interrupted = [&watch] { return watch.raised(); };
    options.floor = floor;
    options.least_ratio = least_ratio;
    options.most_starts = most_starts;
    const double* rows = starts.data();
    const std::ptrdiff_t count = starts.shape(0);
    DesignResult result;
    {
        py::gil_scoped_release unlock;
        result = design_levels(problem, steps, rows, count, options);
    }
    if (watch.raised()) throw py::error_already_set();
    return as_dict(result, loss);
}

}  // namespace

void bind_design(py::module_& m) {
    m.def("design", &design, py::arg("eigenvalues").noconvert(), py::arg("weights").noconvert(),
          py::arg("mean_power").noconvert(), py::arg("sampler"), py::arg("process"), py::arg("loss"),
          py::arg("steps"), py::arg("sigma_first"), py::arg("sigma_last"), py::arg("floor"), py::arg("least_ratio"),
          py::arg("starts").noconvert(), py::arg("tolerance"), py::arg("max_iterations"), py::arg("most_starts"),
          py::arg("threads"));
}

}  // namespace specsched::bindings
