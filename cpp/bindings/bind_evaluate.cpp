#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/compress/compress.hpp"
#include "core/sampler.hpp"

namespace specsched::bindings {
namespace {

double evaluate(const BoundSpectrum& data, const Array& sigmas, const Sampler& sampler, const Criterion& criterion,
                int threads) {
    const SpectrumView& spectrum = data.view();
    const LevelsView levels = levels_view(sigmas);
    py::gil_scoped_release unlock;
    return reported_loss(criterion.loss, loss_sum(sampler, spectrum, levels, criterion, nullptr, threads));
}

py::tuple value_and_grad(const BoundSpectrum& data, const Array& sigmas, const Sampler& sampler,
                         const Criterion& criterion, int threads) {
    const SpectrumView& spectrum = data.view();
    const LevelsView levels = levels_view(sigmas);
    Array gradient = new_array(levels.count);
    double* slots = gradient.mutable_data();
    double sum = 0.0;
    {
        py::gil_scoped_release unlock;
        sum = loss_sum(sampler, spectrum, levels, criterion, slots, threads);
        const double slope = reported_slope(criterion.loss, sum);
        for (std::ptrdiff_t k = 0; k < levels.count; ++k) slots[k] *= slope;
    }
    return py::make_tuple(reported_loss(criterion.loss, sum), gradient);
}

// What the ends cost: the distance of the sampler's many-step limit to the data.
double ends_cost(const Array& eigenvalues, const Array& weights, const Array& mean_power, const Sampler& sampler,
                 const Criterion& criterion, double sigma_first, double sigma_last) {
    const SpectrumView spectrum = spectrum_view(eigenvalues, weights, mean_power);
    return reported_loss(criterion.loss, limit_loss_sum(sampler, spectrum, sigma_first, sigma_last, criterion));
}

py::tuple transfer_moments(const Array& eigenvalues, const Array& weights, const Array& mean_power, const Array& sigmas,
                           const Sampler& sampler, const Criterion& criterion, int threads) {
    const SpectrumView spectrum = spectrum_view(eigenvalues, weights, mean_power);
    const LevelsView levels = levels_view(sigmas);
    Array gain = new_array(spectrum.size), variance = new_array(spectrum.size);
    double *gains = gain.mutable_data(), *variances = variance.mutable_data();
    {
        py::gil_scoped_release unlock;
        transfer(sampler, spectrum, levels, criterion, {gains, variances}, threads);
    }
    return py::make_tuple(gain, variance);
}

py::array_t<double> variance_trace(const Array& eigenvalues, const Array& sigmas, const Sampler& sampler,
                                   const Criterion& criterion, int threads) {
    const double* values = data_of(eigenvalues, "eigenvalues");
    const std::ptrdiff_t size = eigenvalues.shape(0);
    const LevelsView levels = levels_view(sigmas);
    py::array_t<double> variance({levels.count, size});
    double* slots = variance.mutable_data();
    {
        py::gil_scoped_release unlock;
        trace(sampler, values, size, levels, criterion, slots, threads);
    }
    return variance;
}

py::tuple compress_spectrum(const Array& eigenvalues, const Array& weights, const Array& mean_power, double tol,
                            int max_nodes, int threads) {
    const SpectrumView spectrum = spectrum_view(eigenvalues, weights, mean_power);
    CompressedSpectrum out;
    {
        py::gil_scoped_release unlock;
        out = compress(spectrum, tol, max_nodes, threads);
    }
    const auto array = [](const std::vector<double>& values) {
        return Array(static_cast<py::ssize_t>(values.size()), values.data());
    };
    return py::make_tuple(array(out.eigenvalues), array(out.weights), array(out.mean_power), out.error);
}

}  // namespace

void bind_evaluate(py::module_& m) {
    py::class_<BoundSpectrum>(m, "Spectrum")
        .def(py::init<Array, Array, Array, int>(), py::arg("eigenvalues").noconvert(), py::arg("weights").noconvert(),
             py::arg("mean_power").noconvert(), py::arg("threads") = 0)
        .def("evaluate", &evaluate, py::arg("sigmas").noconvert(), py::arg("sampler"), py::arg("criterion"),
             py::arg("threads"))
        .def("value_and_grad", &value_and_grad, py::arg("sigmas").noconvert(), py::arg("sampler"), py::arg("criterion"),
             py::arg("threads"));
    const auto spectrum_arguments = [&](const char* name, auto function, auto... more) {
        m.def(name, function, py::arg("eigenvalues").noconvert(), py::arg("weights").noconvert(),
              py::arg("mean_power").noconvert(), py::arg("sigmas").noconvert(), py::arg("sampler"),
              py::arg("criterion"), more...);
    };
    spectrum_arguments("transfer", &transfer_moments, py::arg("threads"));
    m.def("ends_cost", &ends_cost, py::arg("eigenvalues").noconvert(), py::arg("weights").noconvert(),
          py::arg("mean_power").noconvert(), py::arg("sampler"), py::arg("criterion"), py::arg("sigma_first"),
          py::arg("sigma_last"));
    m.def("trace", &variance_trace, py::arg("eigenvalues").noconvert(), py::arg("sigmas").noconvert(),
          py::arg("sampler"), py::arg("criterion"), py::arg("threads") = 0);
    m.def("compress", &compress_spectrum, py::arg("eigenvalues").noconvert(), py::arg("weights").noconvert(),
          py::arg("mean_power").noconvert(), py::arg("tol"), py::arg("max_nodes"), py::arg("threads"));
}

}  // namespace specsched::bindings
