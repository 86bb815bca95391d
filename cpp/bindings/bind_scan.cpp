#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/design/batch.hpp"

namespace specsched::bindings {
namespace {

using Triple = std::tuple<Array, Array, Array>;  // eigenvalues, weights, mean power

py::dict as_dict(const BatchDesign& design) {
    const DesignResult& found = design.found;
    py::dict out;
    out["sigmas"] = Array(static_cast<py::ssize_t>(found.sigmas.size()), found.sigmas.data());
    out["loss"] = design.loss;
    out["start_losses"] = Array(static_cast<py::ssize_t>(design.start_losses.size()), design.start_losses.data());
    out["sum"] = found.sum;
    out["start_sums"] = Array(static_cast<py::ssize_t>(found.start_sums.size()), found.start_sums.data());
    out["kkt_error"] = found.kkt_error;
    out["converged"] = found.status == MinimizeStatus::converged;
    out["error"] = design.error;
    return out;
}

std::vector<py::dict> design_many(const std::vector<Triple>& spectra, const Sampler& sampler, const Sampler& reported,
                                  Process process, Loss loss, std::ptrdiff_t steps, double sigma_first,
                                  double sigma_last, double floor, double least_ratio, const Array& starts,
                                  const Array& own_starts, double tolerance, int max_iterations, int most_starts,
                                  int threads) {
    BatchProblem batch;
    for (const auto& [eigenvalues, weights, mean_power] : spectra)
        batch.spectra.push_back(spectrum_view(eigenvalues, weights, mean_power));
    if (starts.ndim() != 2 || starts.shape(1) != steps + 1)
        throw std::invalid_argument("starts must have steps + 1 columns");
    if (own_starts.ndim() != 3 || own_starts.shape(0) != static_cast<py::ssize_t>(spectra.size()) ||
        own_starts.shape(2) != steps + 1)
        throw std::invalid_argument("own_starts must hold rows of steps + 1 levels for each spectrum");
    batch.shared = {{}, sampler, process, loss, sigma_first, sigma_last, 1};
    batch.reported = reported;
    batch.steps = steps;
    batch.starts = starts.data();
    batch.start_count = starts.shape(0);
    batch.own_starts = own_starts.data();
    batch.own_count = own_starts.shape(1);
    DesignOptions options;
    options.minimize.tolerance = tolerance;
    options.minimize.max_iterations = max_iterations;
    options.floor = floor;
    options.least_ratio = least_ratio;
    options.most_starts = most_starts;
    std::vector<BatchDesign> designs;
    {
        py::gil_scoped_release unlock;
        designs = design_batch(batch, options, threads);
    }
    std::vector<py::dict> rows;
    for (const BatchDesign& design : designs) rows.push_back(as_dict(design));
    return rows;
}

}  // namespace

void bind_scan(py::module_& m) {
    m.def("design_many", &design_many, py::arg("spectra"), py::arg("sampler"), py::arg("reported"),
          py::arg("process"), py::arg("loss"), py::arg("steps"), py::arg("sigma_first"), py::arg("sigma_last"),
          py::arg("floor"), py::arg("least_ratio"), py::arg("starts").noconvert(), py::arg("own_starts").noconvert(),
          py::arg("tolerance"), py::arg("max_iterations"), py::arg("most_starts"), py::arg("threads"));
}

}  // namespace specsched::bindings
